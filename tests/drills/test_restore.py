"""A backup taken while events flow is restored after more has happened outside than it knows.

Judged by the outside: no version and no proposal is made twice, and the story ends as it would.
"""

import asyncio
import os
import signal
import socket
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest

from processor.adapters.ledgers.backup import Copied, backup
from processor.adapters.ledgers.restore import Restored, restore
from tests.drills import story
from tests.drills.guards import Guard
from tests.drills.spawned import main
from tests.drills.story import POLICY, RUNS, Story, Told
from tests.drills.world import open_world

pytestmark = pytest.mark.real

_AUTOMATIC = POLICY.replace("{people: [ana, ben], merge: sluice}", "automatic")
_QUIET = timedelta(seconds=0.4)


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@dataclass
class Twice(Story):
    """A story whose ledger is put back in the middle; what pipelines said since is said again.

    `later` are the runs that come after the backup, `unfinished_run` one that is under way at
    the kill.
    """

    later: tuple[str, ...] = ("run-2",)
    backed_up: Copied | None = None
    restored: Restored | None = None
    lost: int = 0
    _back: asyncio.Event = field(default_factory=asyncio.Event)

    async def _tell(self) -> None:
        """Be everybody but the processor."""
        await self._run("run-1")
        emitting = asyncio.create_task(self._run("run-2"))
        copy = self.world.folder / "copy.db"
        ledger = self.world.folder / "sluice.db"
        self.backed_up = await asyncio.to_thread(backup, ledger, copy)
        await emitting
        await self._emit(await self._train("run-4"))
        await self._until_proposed(3)
        assert self._process is not None
        os.kill(self._process.pid or 0, signal.SIGKILL)
        await self._back.wait()
        for run in ("run-2", "run-4"):
            await self._emit(run)
        await self._until_told("run-4", "run-4")
        await self._run("run-3")
        await self._until_quiet()

    async def _run(self, run: str) -> None:
        """Let one training end, and wait for what comes of it."""
        run_id = await self._train(run)
        await self._emit(run_id)
        await self._until_told(run, run_id)

    async def _until_proposed(self, count: int) -> None:
        """Wait until the forge holds so many proposals."""
        while True:
            refs = await self.world.git(
                "for-each-ref", "--format=%(refname)", "refs/sluice/proposals/*/meta"
            )
            if len(refs.split()) >= count:
                return
            await asyncio.sleep(0.02)

    async def _keep_it_running(self) -> None:
        """Start the processor; when it is gone put the backup in place and start it again."""
        folder = self.world.folder
        path, copy = folder / "sluice.db", folder / "copy.db"
        while True:
            args = (folder / "sluice.yaml", self.world.url, folder / "points.txt", 0)
            self._process = story._CONTEXT.Process(
                target=main, args=args, kwargs={"off": self.off}, daemon=True
            )
            self._process.start()
            if self.kills:
                await self._until_it_answers()
                self._back.set()
            while self._process.is_alive():
                await asyncio.sleep(0.02)
            assert self._process.exitcode == -signal.SIGKILL, "it ended by itself: see log.txt"
            self.kills += 1
            self.lost = self._ledger.count("SELECT count(*) FROM event")
            now = datetime.now(UTC)
            self.restored = await asyncio.to_thread(restore, path, copy, "main", now, _QUIET)
            self.lost -= self._ledger.count("SELECT count(*) FROM event")

    async def _until_it_answers(self) -> None:
        while True:
            with suppress(aiohttp.ClientError, OSError):
                if (await self._http("GET", "/healthz"))[0] == 200:
                    return
            await asyncio.sleep(0.05)


async def _told(folder: Path, off: Guard = "") -> tuple[Twice, Told]:
    folder.mkdir()
    async with open_world(folder) as world:
        twice = Twice(world, _free_port(), off=off)
        return twice, await twice.tell()


@pytest.fixture(autouse=True)
def _story(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(story, "POLICY", _AUTOMATIC)
    monkeypatch.setitem(RUNS, "run-4", {"accuracy": "0.97", "loss": "0.19"})


async def test_a_restored_ledger_doubles_nothing_and_the_story_ends(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    twice, told = await _told(tmp_path / "story")
    assert twice.restored is not None
    with capsys.disabled():
        print(
            f"\nrestore: {twice.lost} events lost with the ledger, incarnation "
            f"{twice.restored.incarnation}; versions {dict(told.created)}, "
            f"proposals {dict(told.proposals)}, merges {told.merges}, work {told.work}"
        )
    assert twice.lost > 20, "what the backup does not know is what this is about"
    assert told.created == Counter(dict.fromkeys(("run-1", "run-2", "run-3", "run-4"), 1))
    assert sorted(told.proposals.values()) == [1, 1, 1]
    assert told.merges == 3
    assert "run-4" in told.main_uri
    assert "dead" not in told.work
    (model,) = await twice.world.registry.models("default")
    stages = {one.run_id: one.stage for one in await twice.world.registry.versions("default", 0)}
    assert model.aliases == {"champion": "3"}
    assert stages["run-4"] == "Production"


async def test_control_without_memory_and_look_ups_the_restored_one_doubles(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, told = await _told(tmp_path / "control", off="memory")
    with capsys.disabled():
        print(
            f"\nrestore, control: versions {dict(told.created)}, proposals {dict(told.proposals)}"
        )
    assert max(told.created.values()) > 1
