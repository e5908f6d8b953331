"""`sluice doctor`: what is down and what is not there, each in one line and said once."""

from pathlib import Path

import pytest

from processor.adapters.forges.local import create_repository
from processor.adapters.ledgers import Ledger
from processor.app import check
from processor.demo.processes import free_port
from processor.engine.clock import SystemClock
from processor.settings.load import Loaded, load
from tests.make import a_version, registered
from tests.settings.test_load import POLICY, SLUICE


@pytest.fixture
def ports() -> tuple[int, int]:
    return free_port(), free_port()


@pytest.fixture
def loaded(tmp_path: Path, ports: tuple[int, int]) -> Loaded:
    (tmp_path / "policies").mkdir()
    (tmp_path / "repos").mkdir()
    (tmp_path / "data").mkdir()
    written = SLUICE.replace("5000", str(ports[0])).replace("7000", str(ports[1]))
    written = written.replace("  password_file: secrets/password\n", "")
    (tmp_path / "sluice.yaml").write_text(written)
    (tmp_path / "policies/fraud.yaml").write_text(POLICY)
    (tmp_path / "policies/other.yaml").write_text(POLICY.replace("fraud-*", "*-model"))
    return load(tmp_path / "sluice.yaml")


async def test_each_thing_that_is_wrong_is_one_line_that_says_it_once(
    loaded: Loaded, ports: tuple[int, int]
) -> None:
    lines = await check(loaded)
    registry, cluster = (f"http://127.0.0.1:{port}" for port in ports)
    assert lines[0] == (
        f"not ok: registry: nothing listens at {registry}: start it, or set registry.url"
    )
    assert lines[1].startswith("ok: forge acme: ")
    assert lines[2] == (
        f"not ok: cluster prod: nothing listens at {cluster}: start it, "
        "or set clusters.prod.local.url"
    )
    where = loaded.settings.forges["acme"].local.path / "acme/gitops.git"
    assert lines[3:] == [
        f"not ok: policy {models}: repository acme/gitops is not at {where}: "
        "make one with git init --bare"
        for models in ("fraud-*", "*-model")
    ]


async def test_the_branch_of_a_policy_is_looked_for(loaded: Loaded) -> None:
    where = loaded.settings.forges["acme"].local.path / "acme/gitops.git"
    await create_repository(where, {"a": b"b"}, "m", branch="trunk")
    assert f"not ok: policy fraud-*: {where} has no branch main" in await check(loaded)
    await create_repository(where, {"a": b"b"}, "m", branch="main")
    found = [line for line in await check(loaded) if line.startswith("ok: policy fraud-*: ")]
    assert len(found) == 1
    assert found[0].startswith("ok: policy fraud-*: acme/gitops@main is at ")


async def test_models_that_two_policies_rule_are_named(loaded: Loaded) -> None:
    ledger = await Ledger.open(loaded.settings.ledger.path, "main", SystemClock())
    await ledger.log.append([registered(a_version(model="fraud-eu"))])
    assert "ok: ledger: 1 model(s), none in another's slot" in await check(loaded)
    await ledger.log.append([registered(a_version(model="fraud-model"))])
    await ledger.close()
    (line,) = [line for line in await check(loaded) if "fraud-model" in line]
    assert line.startswith("not ok: model 'fraud-model' is ruled by both ")
