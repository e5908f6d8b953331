"""The operator's commands: against a running site, and alone with the ledger, under its lock."""

import asyncio
import json
import pwd
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from os import getuid
from pathlib import Path

import pytest

from processor.adapters.ledgers import Ledger
from processor.adapters.ledgers.lock import held
from processor.events import (
    Event,
    TargetHeld,
    TargetReleased,
    WorkDropped,
    WorkRetried,
    WritesPaused,
    WritesResumed,
)
from processor.ports.work import Room, Turn
from processor.testing.clock import JumpingClock
from processor.values.pause import EVERYTHING, Pause
from tests.cli.test_cli import beside, here, sluice
from tests.make import a_version, registered
from tests.views.world import BO, World
from tests.web.site import running

__all__ = ["here"]
pytestmark = pytest.mark.real
ME = pwd.getpwuid(getuid()).pw_name
LEDGER = "data/sluice.db"


@asynccontextmanager
async def ledger_of(here: Path) -> AsyncIterator[Ledger]:
    ledger = await Ledger.open(here / LEDGER, "main", JumpingClock())
    try:
        yield ledger
    finally:
        await ledger.close()


def plan(event: Event) -> list[Turn]:
    return [Turn("evaluate", "", "lane")] if event.kind == "model_version.registered" else []


async def written(here: Path, *, dead: int = 0) -> None:
    """Make a ledger that knows a model, with dead rows in it."""
    async with ledger_of(here) as ledger:
        numbers = range(1, dead + 2)
        for number in numbers:
            version = a_version(str(number), "fraud-eu", created_ms=number)
            await ledger.log.append([registered(version)])
        await ledger.log.place(100)
        await ledger.work.dispatch(plan)
        for _ in range(dead):
            claim = await ledger.work.claim(Room(free=1, most={}, taken={}))
            ((work, _event),) = claim.turns
            await ledger.work.bury(work, "no such gate", None)


async def said(here: Path, kind: type[Event], key: str) -> list[Event]:
    async with ledger_of(here) as ledger:
        return [one.event for one in await ledger.log.of_type(kind, key)]


@contextmanager
def stopped_process(here: Path) -> Iterator[int]:
    """Let another process hold the ledger's lock and answer nothing."""
    code = (
        "import sys, time; from pathlib import Path\n"
        "from processor.adapters.ledgers.lock import held\n"
        "with held(Path(sys.argv[1])):\n"
        "    print('held', flush=True); time.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(here / LEDGER)],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process.pid
        finally:
            process.send_signal(signal.SIGKILL)


async def test_at_three_in_the_morning_with_no_process_and_no_token(here: Path) -> None:
    await written(here)
    done = await asyncio.to_thread(sluice, here, "pause", "--reason", "disk is failing")
    assert (done.returncode, done.stdout) == (
        0,
        "paused every write; they go on with: sluice resume\n",
    )
    assert done.stderr == f"no Sluice runs: written to {here / LEDGER} as {ME} (claimed)\n"
    (event,) = await said(here, WritesPaused, "main")
    assert (event.head.actor.name, event.head.actor.assurance) == (ME, "claimed")
    async with ledger_of(here) as ledger:
        pause = await ledger.views.get(Pause, EVERYTHING)
        assert pause is not None
        assert (pause.reason, pause.ended) == ("disk is failing", False)
    status = await asyncio.to_thread(sluice, here, "status")
    assert status.returncode == 1  # something wants an operator
    assert f"PAUSED   all writes, by {ME} (claimed) since" in status.stdout
    assert "to lift it: sluice resume" in status.stdout
    again = await asyncio.to_thread(sluice, here, "resume")
    assert (again.returncode, again.stdout) == (0, "writes go on\n")
    assert len(await said(here, WritesResumed, "main")) == 1
    more = await asyncio.to_thread(sluice, here, "resume")
    assert more.returncode == 1
    assert more.stderr.splitlines()[-1] == (
        "Not paused: everything is not paused, and nothing else is"
    )
    assert (await asyncio.to_thread(sluice, here, "status")).returncode == 0


async def test_one_model_and_one_target_without_a_process(here: Path) -> None:
    await written(here)
    key = "main/default/fraud-eu"
    done = await asyncio.to_thread(
        sluice, here, "pause", "--model", "fraud-eu", "--reason", "bad data", "--json"
    )
    assert json.loads(done.stdout)["what"] == "paused"
    assert len(await said(here, WritesPaused, key)) == 1
    done = await asyncio.to_thread(sluice, here, "pause", "--model", "fraud-eo", "-m", "x")
    assert (done.returncode, "did you mean fraud-eu?" in done.stderr) == (1, True)
    words = ("hold", "fraud-eu", "--target", "production", "--reason", "audit")
    done = await asyncio.to_thread(sluice, here, *words, "--until", "7d")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("production of fraud-eu is held until 20")
    (event,) = await said(here, TargetHeld, key)
    assert isinstance(event, TargetHeld)
    assert event.until is not None
    done = await asyncio.to_thread(sluice, here, *words, "--until", "whenever")
    assert (done.returncode, "--until: 'whenever' is not like 7d" in done.stderr) == (2, True)
    done = await asyncio.to_thread(sluice, here, "hold", "fraud-eu", "-t", "prodution", "-m", "x")
    assert (done.returncode, "did you mean production?" in done.stderr) == (1, True)
    done = await asyncio.to_thread(sluice, here, "release", "fraud-eu", "--target", "production")
    assert (done.returncode, done.stdout) == (0, "production of fraud-eu is released\n")
    assert len(await said(here, TargetReleased, key)) == 1


async def test_dead_rows_without_a_process(here: Path) -> None:
    await written(here, dead=4)
    done = await asyncio.to_thread(sluice, here, "dead", "list")
    assert done.returncode == 0, done.stderr
    assert "row 1: evaluate at model_version.registered about fraud-eu" in done.stdout
    assert "no such gate" in done.stdout
    rows = json.loads((await asyncio.to_thread(sluice, here, "dead", "list", "--json")).stdout)
    assert [row["id"] for row in rows["rows"]] == [4, 3, 2, 1]
    done = await asyncio.to_thread(sluice, here, "dead", "retry", "1", "--reason", "gate added")
    assert (done.returncode, done.stdout) == (0, "row 1 is put back at its lane's tail\n")
    done = await asyncio.to_thread(sluice, here, "dead", "retry", "1")
    assert done.returncode == 1
    assert done.stderr.endswith("Not dead: row 1 of evaluate is ready, not dead\n")
    assert (await asyncio.to_thread(sluice, here, "dead", "drop", "2")).returncode == 2  # no reason
    done = await asyncio.to_thread(sluice, here, "dead", "drop", "2", "--reason", "old model")
    assert (done.returncode, done.stdout) == (0, "row 2 is dropped\n")
    assert (await asyncio.to_thread(sluice, here, "dead", "retry")).returncode == 2
    done = await asyncio.to_thread(sluice, here, "dead", "retry", "--all", "--json")
    assert [one["row"] for one in json.loads(done.stdout)] == [3, 4]
    done = await asyncio.to_thread(sluice, here, "dead", "retry", "--all")
    assert (done.returncode, done.stdout) == (0, "no row is dead\n")
    assert len(await said(here, WorkRetried, "main")) == 3
    assert len(await said(here, WorkDropped, "main")) == 1
    async with ledger_of(here) as ledger:
        assert [row.work.id for row in await ledger.counts.rows("ready")] == [5, 4, 3, 1]
        assert [row.work.id for row in await ledger.counts.rows("dropped")] == [2]


async def test_a_process_that_runs_is_asked_and_must_know_who_asks(here: Path) -> None:
    await written(here)
    with stopped_process(here) as number:
        done = await asyncio.to_thread(sluice, here, "pause", "--reason", "x")
        assert done.returncode == 2
        assert "Sluice runs at http://127.0.0.1:1 and must know who you are" in done.stderr
        assert "sluice sign-in LINK" in done.stderr
        token = here / "token"
        token.write_text("t\n")
        words = ("pause", "--reason", "x", "--token-file", str(token))
        done = await asyncio.to_thread(sluice, here, *words)
        assert done.returncode == 3  # it has the ledger, and does not answer
        assert f"is in use by process {number}" in done.stderr
        assert "ending that process ends every write" in done.stderr
    assert await said(here, WritesPaused, "main") == []  # nobody wrote beside it
    done = await asyncio.to_thread(sluice, here, "pause", "--reason", "x")
    assert done.returncode == 0  # the control: its lock was all that was in the way


async def test_while_the_ledger_is_written_alone_no_process_starts(here: Path) -> None:
    await written(here)
    with held(here / LEDGER):
        done = await asyncio.to_thread(sluice, here, "run")
        assert done.returncode == 1
        assert "is in use by process" in done.stderr


async def test_without_a_ledger_and_without_a_process_nothing_is_made(here: Path) -> None:
    done = await asyncio.to_thread(sluice, here, "pause", "--reason", "x")
    assert done.returncode == 2  # nobody to ask, and no token to ask with
    assert not (here / LEDGER).exists()


async def test_a_wish_that_needs_identity_is_never_written_alone(here: Path) -> None:
    await written(here)
    for words in (
        ("approve", "fraud-eu@1"),
        ("request", "fraud-eu@1"),
        ("evaluate", "fraud-eu", "1"),
        ("reject", "fraud-eu@1", "--reason", "x"),
    ):
        done = await asyncio.to_thread(sluice, here, *words)
        assert (done.returncode, "sluice sign-in LINK" in done.stderr) == (2, True), words


async def test_against_a_running_site_as_the_person_who_signed_in(
    here: Path, tmp_path: Path
) -> None:
    world = World()
    version = world.registered()
    world.judged(version)
    world.pushed(world.proposed(version, by=BO), version, "f" * 40, BO)
    for handler in ("propose", "announce"):
        world.row("dead", handler, "no such file")
    async with running(world, tmp_path) as site:
        done = await beside(site, here, "pause", "--reason", "x")
        assert (done.returncode, "sluice sign-in LINK" in done.stderr) == (2, True)
        links = json.loads(site.links_file.read_text())
        await beside(site, here, "sign-in", links["ana"])
        for words, told in (
            (("pause", "--reason", "moving"), "paused every write"),
            (("pause", "--model", "fraud", "--reason", "x"), "paused every write about fraud"),
            (("resume", "--model", "fraud"), "writes about fraud go on"),
            (("hold", "fraud", "--target", "production", "--reason", "x"), "is held"),
            (("release", "fraud", "--target", "production"), "is released"),
            (("dead", "list"), "row 9: propose at promotion.updated about fraud"),
            (("dead", "retry", "--all"), "row 9 is put back"),
        ):
            done = await beside(site, here, *words)
            assert (done.returncode, done.stderr) == (0, ""), words
            assert told in done.stdout
        assert {one.event.head.actor.name for one in world.happened[-7:]} == {"ana"}
        status = await beside(site, here, "status")
        assert (status.returncode, "PAUSED" in status.stdout) == (1, True)
        assert json.loads((await beside(site, here, "status", "--json")).stdout)["well"] is False
        approved = await beside(site, here, "approve", "fraud@1")
        assert (approved.returncode, approved.stderr) == (0, "")
        assert "careful: the branch holds commits by bo, which these lines" in approved.stdout
        assert "git diff main...sluice/x" in approved.stdout


def test_explain_says_where_each_value_comes_from(here: Path) -> None:
    done = sluice(here, "config", "explain", "fraud-eu")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(
        "model fraud-eu, workspace default: policies/fraud.yaml:1\n"
        '  "fraud-*" is the only pattern that matches\n'
    )
    assert "14d. How long a proposal may stay open.  [default]" in done.stdout
    done = sluice(here, "config", "explain", "churn")
    assert done.returncode == 2
    assert done.stderr.splitlines()[1] == 'policies/fraud.yaml:1: models: "fraud-*" does not match'
    found = json.loads(sluice(here, "config", "explain", "--json").stdout)
    assert [one["model"] for one in found["explanations"]] == [None]
    assert found["settings"]["title"] == "settings"
