"""A real process whose disk fills up, or whose file is damaged below it, says so and goes on."""

import json
import os
import resource
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.ledger.filled import fill, opened
from tests.ledger.test_bad_files import flip

pytestmark = pytest.mark.real

CONFIG = """\
registry: {{id: main, url: "http://127.0.0.1:9"}}
poll: {{changes: 60s, models: 60s, reconcile: 60s, proposals: 60s, rollouts: 60s}}
ledger: {{path: sluice.db}}
web: {{listen: "127.0.0.1:{port}", events_token_file: token, sign_in_file: sign-in.json}}
policies: []
"""


def configured(folder: Path) -> int:
    """Write a configuration; return the port."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = int(taken.getsockname()[1])
    (folder / "sluice.yaml").write_text(CONFIG.format(port=port))
    (folder / "token").write_text("tests-token\n")
    return port


def sluice(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "processor", *words, "--config", str(folder / "sluice.yaml")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=folder,
        env=environment(),
    )


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}


@contextmanager
def running(folder: Path, port: int) -> Iterator[int]:
    """Run Sluice over a folder; yield its process id."""
    command = [sys.executable, "-m", "processor", "run", "--config", str(folder / "sluice.yaml")]
    with (folder / "log.txt").open("w") as out:
        # what it logs goes through a pipe: a limit on files must not silence it
        pipe = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=out)
        process = subprocess.Popen(
            command, stdout=pipe.stdin, stderr=pipe.stdin, cwd=folder, env=environment()
        )
        try:
            until(lambda: ask(port, "/healthz")[0] == 200, folder)
            yield process.pid
            process.send_signal(signal.SIGTERM)
            assert process.wait(40) == 0
        finally:
            process.kill()
            process.wait()
            assert pipe.stdin is not None
            pipe.stdin.close()
            pipe.wait()


def ask(port: int, path: str, body: object = None) -> tuple[int, Any]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}")
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/cloudevents+json")
        request.add_header("Authorization", "Bearer tests-token")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, json.loads(refusal.read())
    except OSError:
        return 0, None


def until(holds: Callable[[], bool], folder: Path, seconds: float = 45) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, (folder / "log.txt").read_text()[-3000:]
        time.sleep(0.1)


def training(run: str) -> dict[str, object]:
    return {
        "specversion": "1.0",
        "id": f"done-{run}",
        "source": "/pipelines/tests",
        "type": "sluice.training.completed.v1",
        "data": {"run_id": run, "model": "fraud", "registration": "done"},
    }


def ledger_state(port: int) -> dict[str, Any]:
    return dict((ask(port, "/readyz")[1] or {}).get("dependencies", {}).get("ledger", {}))


def test_a_disk_without_room_is_a_named_state_and_nothing_is_lost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port = configured(tmp_path)
    with running(tmp_path, port) as pid:
        assert ask(port, "/events", training("1"))[0] == 202
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, hard))
        refused = [ask(port, "/events", training(str(number))) for number in range(2, 12)]
        assert {status for status, _ in refused} == {503}
        assert "cannot be read or written" in refused[0][1]["detail"]
        assert "nothing else is needed once it answers" in refused[0][1]["detail"]
        until(lambda: ledger_state(port).get("state") == "down", tmp_path)
        assert "sluice.db" in ledger_state(port)["problem"]
        assert ask(port, "/readyz")[0] == 200, "the process itself is not the trouble"
        said = sluice(tmp_path, "status")
        assert "DOWN" in said.stdout
        assert "cannot be read or written" in said.stdout
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
        until(lambda: ledger_state(port).get("state") == "up", tmp_path)
        answers = [ask(port, "/events", training(str(number))) for number in range(1, 12)]
        assert {status for status, _ in answers} == {202}
        new = sum(len(found["accepted"]) for _, found in answers)
    with capsys.disabled():
        print(f"\nno room: {len(refused)} refused with 503, {new} taken afterwards, 1 known before")
    assert new == 10
    assert sluice(tmp_path, "db", "verify").returncode == 0


async def test_a_file_damaged_below_a_running_process_is_named_and_the_pages_go_on(
    tmp_path: Path,
) -> None:
    port = configured(tmp_path)
    ledger = await opened(tmp_path / "sluice.db")
    await fill(ledger, *range(1, 600))
    await ledger.close()
    with running(tmp_path, port):
        assert ask(port, "/v1/models/fraud/history")[0] == 200
        shutil.copy(tmp_path / "sluice.db", tmp_path / "whole.db")
        flip(tmp_path / "sluice.db", first=0.5)
        said: list[str] = []

        def refused() -> bool:  # some connections still have whole pages in memory
            status, found = ask(port, "/v1/models/fraud/history")
            said.extend([found["detail"]] if status == 503 else [])
            return status == 503

        until(refused, tmp_path)
        assert "sluice.db" in said[0]
        assert "`sluice db" in said[0]
        until(lambda: ledger_state(port).get("state") == "down", tmp_path)
        assert "damaged" in ledger_state(port)["problem"]
        assert ask(port, "/healthz")[0] == 200
        doctor = sluice(tmp_path, "doctor")
        assert doctor.returncode == 1
        assert "not ok: ledger:" in doctor.stdout
        assert "is damaged" in doctor.stdout
        checked = sluice(tmp_path, "db", "check")
        assert checked.returncode == 1
        assert "is damaged: stop Sluice" in checked.stderr
    assert "Traceback" not in (tmp_path / "log.txt").read_text()


def test_every_db_command_that_changes_the_file_is_refused_while_a_process_runs(
    tmp_path: Path,
) -> None:
    port = configured(tmp_path)
    with running(tmp_path, port) as pid:
        assert ask(port, "/events", training("1"))[0] == 202
        copied = sluice(tmp_path, "db", "backup", "copy.db", "--json")
        assert copied.returncode == 0, copied.stderr
        assert json.loads(copied.stdout)["events"] >= 1
        for words in (
            ["restore", "copy.db"],
            ["refold"],
            ["seal", "--before", "1d", "--to", "exports"],
            ["vacuum"],
            ["upgrade"],
        ):
            said = sluice(tmp_path, "db", *words)
            assert said.returncode == 1, words
            assert f"in use by process {pid}" in said.stderr
            assert len(said.stderr.splitlines()) == 1
        for words in (["check"], ["verify"]):
            assert sluice(tmp_path, "db", *words).returncode == 0, words
    restored = sluice(tmp_path, "db", "restore", "copy.db")
    assert restored.returncode == 0, restored.stderr
    assert "this is incarnation" in restored.stdout
    with running(tmp_path, port):
        assert ask(port, "/events", training("2"))[0] == 202


def test_newer_tables_are_refused_by_every_command_that_opens_them(tmp_path: Path) -> None:
    configured(tmp_path)
    assert "a new ledger" in sluice(tmp_path, "db", "upgrade").stdout
    assert "already" in sluice(tmp_path, "db", "upgrade").stdout
    with closing(sqlite3.connect(tmp_path / "sluice.db")) as file, file:
        file.execute("UPDATE alembic_version SET version_num = '9999'")
    for words in (["run"], ["status"], ["db", "upgrade"], ["db", "backup", "x.db"], ["doctor"]):
        said = sluice(tmp_path, *words)
        assert said.returncode == 1, words
        heard = said.stderr + said.stdout
        assert "9999, newer than this program's" in heard, (words, heard)
        assert "Traceback" not in heard
    assert not (tmp_path / "x.db").exists()
