"""The runner as it is made from settings: no secret the settings name is there to be read."""

import sys
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from processor.adapters.evaluators.child import Program, run
from processor.app.gate_runner import gate_runner
from processor.settings.load import Loaded, load
from processor.settings.secrets import secret_files
from processor.values.job import LimitName
from tests.settings.test_load import POLICY

MARKER = f"marker-{uuid4()}"
CONFIG = """\
registry: {id: main, url: "http://127.0.0.1:9", username_file: secrets/user,
           password_file: secrets/password, token_file: mlflow.token}
ledger: {path: sluice.db}
forges: {acme: {local: {path: repos}}}
clusters: {prod: {local: {url: "http://127.0.0.1:9"}}}
web: {events_token_file: events.token, sign_in_file: sign-in.json}
people: {ana: {}, bo: {}}
policies: [policy.yaml]
evaluator: {local: {parallel: 1, memory: 512MB, readable: [gates]}}
"""
HELD = (
    "secrets/user",
    "secrets/password",
    "mlflow.token",
    "events.token",
    "sign-in.json",
    "sluice.db",
    "sluice.db-wal",
    "sluice.db.lock",
    "sluice.sessions.json",
    "sluice.db.gates/spec.json",
)
READ = """
import os, sys
for folder, _, names in os.walk('.'):
    for name in names:
        print(os.path.join(folder, name), open(os.path.join(folder, name)).read())
for path in sys.argv[1:]:
    try: print(open(path).read())
    except OSError: pass
print(os.environ)
"""


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Loaded:
    here = tmp_path / "here"
    for folder in ("secrets", "repos", "gates", "sluice.db.gates"):
        (here / folder).mkdir(parents=True)
    here.chmod(0o755)
    (here / "sluice.yaml").write_text(CONFIG)
    (here / "policy.yaml").write_text(POLICY)
    (here / "thresholds.json").write_text("thresholds")
    for name in HELD:
        (here / name).write_text(MARKER)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", MARKER)
    return load(here / "sluice.yaml")


def test_every_setting_that_names_a_secret_is_found(loaded: Loaded) -> None:
    here = loaded.path.parent
    assert {str(path.relative_to(here)) for path in secret_files(loaded.settings)} == set(HELD[:5])
    runner = gate_runner(loaded)
    assert str(here / "gates") in runner.view.readable
    assert (runner.parallel, runner.bounds.memory) == (1, 512 * 1024**2)
    assert runner.folders.top == here / "sluice.db.gates"
    assert "MLFLOW_TRACKING_PASSWORD" not in runner.view.environment


@pytest.mark.real
@pytest.mark.parametrize("without", [None, "files"])
async def test_a_program_beside_every_secret_reads_none(
    loaded: Loaded, tmp_path: Path, without: LimitName | None
) -> None:
    here, place = loaded.path.parent, tmp_path / "place"
    place.mkdir()
    runner = gate_runner(loaded)
    bounds = replace(runner.bounds, without=frozenset({without} if without else ()))
    ending = await run(
        Program(
            command=(sys.executable, "-S", "-c", READ, *(str(here / name) for name in HELD)),
            folder=str(here),
            timeout=20,
            evidence="{}",
            place=place,
        ),
        bounds,
        runner.view,
    )
    reads = ending.said.count(MARKER)
    print(f"without {without}: {reads} reads of {len(HELD)} secrets, each tried twice")
    assert ending.problem == "", ending
    assert "thresholds" in ending.said
    assert reads == (2 * len(HELD) if without else 0)
