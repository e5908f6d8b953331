"""The machine's clock is set an hour forward, back, and back again, while the story is told.

Judged by the outside: nothing happens twice, nothing is stuck, and no wait becomes an hour.
"""

import asyncio
import signal
import socket
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.drills import clocked, story
from tests.drills.story import Story, Told
from tests.drills.world import open_world

pytestmark = pytest.mark.real

_HOUR = 3600.0
_RUNS = ("run-1", "run-2", "run-3")
_PATIENT = 30.0  # seconds in which the story ends a few times over, and no hour does


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@dataclass
class Set(Story):
    """A story during which the clock is set, once in each run, by these many seconds."""

    jumps: Sequence[float] = ()
    naive: bool = False

    async def _tell(self) -> None:
        """Be everybody but the processor, and whoever sets the clock."""
        for run, jump in zip(self.runs, self.jumps, strict=True):
            seen = await self._proposals()
            run_id = await self._train(run)
            await self._emit(run_id)
            while run != "run-3" and await self._proposals() == seen:
                await asyncio.sleep(0.02)
            self._set(float(self._file.read_text()) + jump)
            await self._until_told(run, run_id)
        await self._until_quiet()

    @property
    def _file(self) -> Path:
        return self.world.folder / "clock.txt"

    def _set(self, seconds: float) -> None:
        """Set the clock, at once for whoever reads it."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(str(seconds))
        fresh.replace(self._file)

    async def _proposals(self) -> int:
        refs = await self.world.git("for-each-ref", "refs/sluice/proposals/*/meta")
        return len(refs.splitlines())

    async def _keep_it_running(self) -> None:
        """Start the processor."""
        folder = self.world.folder
        self._set(0)
        args = (folder / "sluice.yaml", self.world.url, folder / "points.txt", self._file)
        self._process = story._CONTEXT.Process(
            target=clocked.main, args=args, kwargs={"naive": self.naive}, daemon=True
        )
        self._process.start()
        while self._process.is_alive():
            await asyncio.sleep(0.05)
        assert self._process.exitcode == -signal.SIGKILL, "it ended by itself: see log.txt"


async def _told(folder: Path, jumps: Sequence[float], *, naive: bool = False) -> Told | None:
    """Tell the story; None when it does not end in time."""
    folder.mkdir()
    async with open_world(folder) as world:
        telling = Set(world, _free_port(), runs=_RUNS, jumps=jumps, naive=naive)
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENT):
                return await telling.tell()
        return None


@pytest.mark.parametrize(
    "jumps", [(_HOUR, -_HOUR, -_HOUR), (-_HOUR, -_HOUR, _HOUR)], ids=["forward", "back"]
)
async def test_a_clock_that_is_set_doubles_nothing_and_holds_nothing_up(
    tmp_path: Path, jumps: Sequence[float], capsys: pytest.CaptureFixture[str]
) -> None:
    told = await _told(tmp_path / "set", jumps)
    assert told is not None, "it did not end"
    with capsys.disabled():
        print(f"\nclock set by {jumps}: {dict(told.created)}, merges {told.merges}, {told.work}")
    assert told.created == Counter(dict.fromkeys(_RUNS, 1))
    assert sorted(told.proposals.values()) == [1, 1]
    assert told.merges == 2
    assert "dead" not in told.work
    kinds = Counter(kind for kind, *_ in told.events.elements())
    assert kinds["sluice.rollout.failed.v1"] == 0, "no rollout was given up for the clock's sake"
    assert kinds["sluice.rollout.succeeded.v1"] == 2


async def test_control_on_the_bare_clock_of_the_machine_the_story_does_not_end_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = 0
    for name, jumps in (("forward", (_HOUR, -_HOUR, -_HOUR)), ("back", (-_HOUR, -_HOUR, _HOUR))):
        told = await _told(tmp_path / name, jumps, naive=True)
        kinds = Counter() if told is None else Counter(kind for kind, *_ in told.events.elements())
        stuck, failed = told is None, kinds["sluice.rollout.failed.v1"]
        bad += stuck or failed > 0
        with capsys.disabled():
            print(f"\nclock, control, {name}: stuck {stuck}, rollouts called failed {failed}")
    assert bad > 0
