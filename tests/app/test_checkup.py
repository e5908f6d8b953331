"""`sluice doctor`: what is down and what is not there, each in one line and said once."""

from dataclasses import replace
from pathlib import Path

import pytest

from processor.adapters.evaluators import local
from processor.adapters.evaluators.limits import NAMES, Limits
from processor.adapters.forges.local import create_repository
from processor.adapters.ledgers import Ledger
from processor.app import check
from processor.demo.processes import free_port
from processor.engine.clock import SystemClock
from processor.settings.load import Loaded, load
from processor.values.job import LimitFound
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
    written = written.replace("  token_file: secrets/token\n", "")
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


@pytest.mark.real
async def test_limits_are_tried_where_a_policy_has_a_command_gate(
    loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(lines: list[str]) -> list[str]:
        return [line for line in lines if "evaluator: " in line]

    assert told(await check(loaded)) == []
    path = loaded.policy_files[0]
    gate = "gates:\n  - {command: [python, check_bias.py]}\n"
    path.write_text(path.read_text().replace("gates:\n", gate))
    settings = loaded.path.read_text()
    lines = told(await check(load(loaded.path)))
    print(*lines, sep="\n")
    assert len(lines) == len(NAMES)
    assert all(" evaluator: " in line and "the trial failed" not in line for line in lines)

    async def tried(limits: Limits, *_: object) -> list[LimitFound]:
        every = [LimitFound(name, limits.enforces(name)) for name in NAMES]
        return [
            replace(every[0], problem="unshare: no"),
            replace(every[1], waived=True),
            *every[2:],
        ]

    monkeypatch.setattr(local, "tried", tried)
    loaded.path.write_text(settings + "evaluator: {local: {memory: 2GB, without: [files]}}\n")
    lines = told(await check(load(loaded.path)))
    assert lines[0] == (
        "not ok: evaluator: network off: not available on this machine: unshare: no; command "
        "gates are answered inconclusive until you allow it with evaluator.local.without: [network]"
    )
    assert lines[1].startswith("ok: evaluator: no file but ")
    assert lines[1].endswith(": gone without, as evaluator.local.without asks")
    assert "ok: evaluator: at most 2GB of memory" in lines
