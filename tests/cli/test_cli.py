"""The command line as a process: what it says, where, and with which exit code."""

import asyncio
import json
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.settings.test_load import POLICY, SLUICE
from tests.views.world import BO, World
from tests.web.site import TOKEN, Running, running


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "policies").mkdir()
    (tmp_path / "sluice.yaml").write_text(SLUICE + "web: {listen: 127.0.0.1:1}\n")
    (tmp_path / "policies/fraud.yaml").write_text(POLICY)
    return tmp_path


def sluice(here: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SLUICE_")}
    return subprocess.run(
        [sys.executable, "-m", "processor", *words],
        cwd=here,
        env={
            **kept,
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "XDG_CONFIG_HOME": str(here / "config"),
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def beside(site: Running, here: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command against a site this process serves."""
    return await asyncio.to_thread(sluice, here, *words, SLUICE_URL=site.url)


@pytest.mark.real
def test_help_names_every_command_and_the_exit_codes(here: Path) -> None:
    done = sluice(here, "--help")
    assert done.returncode == 0
    for word in ("demo", "run", "status", "why", "why-not", "history", "approve", "reject"):
        assert f"\n  {word} " in done.stdout
    assert "Exit codes" in done.stdout
    assert sluice(here, "--version").stdout.strip() == "0.1.0"
    assert sluice(here, "frobnicate").returncode == 2


@pytest.mark.real
def test_config_check_says_what_is_in_force_or_what_is_wrong(here: Path) -> None:
    done = sluice(here, "config", "check")
    assert done.returncode == 0, done.stderr
    assert "accuracy >= 0.92" in done.stdout
    found = json.loads(sluice(here, "config", "check", "--json").stdout)
    assert found["settings"]["mode"] == "observe"
    (here / "sluice.yaml").write_text(SLUICE.replace("ledger:\n  path", "ledger:\n  pth"))
    done = sluice(here, "config", "check")
    assert done.returncode == 2
    assert done.stderr == 'sluice.yaml:5: ledger.pth: unknown key; did you mean "path"?\n'
    assert sluice(here, "config", "check", "-c", "none.yaml").returncode == 2


@pytest.mark.real
def test_listening_for_everybody_without_auth_is_exit_2(here: Path) -> None:
    done = sluice(here, "run", "--listen", "0.0.0.0")
    assert done.returncode == 2
    assert done.stderr.startswith("--listen: '0.0.0.0:1' is reachable from other machines")
    assert "`web.auth: local`" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.real
def test_a_taken_port_is_said_in_one_clause(here: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = sluice(here, "run", "--listen", f"127.0.0.1:{port}")
    assert done.returncode != 0
    assert (
        f"cannot listen on 127.0.0.1:{port}: address already in use; "
        "stop what uses it, or set web.listen (--listen)\n"
    ) in done.stderr


@pytest.mark.real
def test_nothing_answers_is_exit_3_and_one_line(here: Path) -> None:
    done = sluice(here, "status", "--url", "http://127.0.0.1:1")
    assert (done.returncode, done.stdout) == (3, "")
    assert "start it with `sluice run`" in done.stderr
    assert sluice(here, "status", "--url", "file:///etc/passwd").returncode == 2


@pytest.mark.real
def test_a_wish_without_a_token_says_how_to_sign_in(here: Path) -> None:
    done = sluice(here, "approve", "fraud@1")
    assert done.returncode == 2
    assert "sluice sign-in LINK" in done.stderr
    done = sluice(here, "sign-in", "http://127.0.0.1:1/nothing")
    assert done.returncode == 2


@pytest.mark.real
async def test_sign_in_look_approve_against_a_running_site(here: Path, tmp_path: Path) -> None:
    world = World()
    version = world.registered()
    world.judged(version)
    world.proposed(version, by=BO)
    async with running(world, tmp_path) as site:
        links = json.loads(site.links_file.read_text())
        done = await beside(site, here, "approve", "fraud")
        assert done.returncode == 2
        done = await beside(site, here, "sign-in", links["ana"])
        assert done.returncode == 0, done.stderr
        (kept,) = (here / "config/sluice").iterdir()
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        done = await beside(site, here, "sign-in", links["ana"])
        assert (done.returncode, "This link does not work" in done.stderr) == (1, True)
        done = await beside(site, here, "why-not", "fraud@1")
        assert "sluice approve fraud@1 --target production" in done.stdout
        done = await beside(site, here, "approve", "fraud@1", "--target", "production")
        assert (done.returncode, done.stderr) == (0, "")
        assert "approved fraud v1 at production" in done.stdout
        done = await beside(site, here, "reject", "other", "--reason", "x")
        assert done.returncode == 1
        for words in (("why", "fraud"), ("status",), ("history", "fraud"), ("why-not", "fraud")):
            plain = await beside(site, here, *words)
            assert (plain.returncode, plain.stderr) == (0, ""), words
            found = await beside(site, here, *words, "--json")
            assert json.loads(found.stdout), words
        assert (await beside(site, here, "why", "nobody")).returncode == 1


@pytest.mark.real
async def test_emit_sends_once_what_it_is_told_twice(here: Path, tmp_path: Path) -> None:
    async with running(World(), tmp_path) as site:
        words = ("emit", "training-completed", "--run-id", "r1", "--model", "fr\u00e4ud x")
        token = ("--token-file", str(site.token_file))
        assert (await beside(site, here, *words)).returncode == 1  # no token: 401
        assert "told: run r1" in (await beside(site, here, *words, *token)).stdout
        assert "told before" in (await beside(site, here, *words, *token)).stdout
        assert len(site.world.happened) == 1
        assert TOKEN not in (await beside(site, here, *words, *token)).stdout


@pytest.mark.real
async def test_no_name_moves_the_cursor(here: Path, tmp_path: Path) -> None:
    world = World()
    world.judged(world.registered("a\x1b[2Jb"), "failed")
    async with running(world, tmp_path) as site:
        done = await beside(site, here, "why-not", "a\x1b[2Jb")
        assert done.returncode == 0, done.stderr
        assert "\x1b" not in done.stdout
