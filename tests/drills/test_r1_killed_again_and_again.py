"""R1: killed again and again under load, it loses nothing and doubles nothing."""

import asyncio
import random
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from tests.drills.fleet import models, open_fleet
from tests.drills.guards import Guard
from tests.drills.judges import Findings, judged
from tests.drills.lives import LONG, NAMED, SHORT, Lives
from tests.drills.load import Load
from tests.report import Row, tell, timed

pytestmark = pytest.mark.real

_CALM = 4.0  # seconds without anything moving until what is missing is missing for good


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much: models side by side, deaths and events at least, bad versions per good one."""

    models: int
    kills: int
    events: int = 0
    bad: int = 2


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How it ended."""

    found: Findings
    lives: Lives
    events: int
    said: int
    dead: list[str]


_WORST: dict[Guard, tuple[str, ...]] = {
    "": NAMED,
    "memory": ("after create_version", "after open", "after tell"),
    "settle": tuple(name for name in NAMED if name.startswith("before")),
    "lanes": ("before create_version", "before tell"),
}
"""Where to die: anywhere for ours, where it hurts most for each control."""


async def _drill(folder: Path, size: Size, seed: int, off: Guard = "") -> Ended:
    """Kill until there were enough deaths and events, let it finish, and ask the outside."""
    dice = random.Random(seed)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = int(taken.getsockname()[1])
    folder.mkdir()
    timeout = aiohttp.ClientTimeout(total=10)
    async with (
        open_fleet(folder, models(size.models)) as fleet,
        aiohttp.ClientSession(timeout=timeout) as session,
    ):
        fleet.configure(port)
        load = Load(fleet, port, dice, size.bad, session)
        lives = Lives(fleet, port, dice, off, _WORST[off])
        approving = asyncio.create_task(load.ana())
        pipelines = [asyncio.create_task(load.pipeline(model)) for model in fleet.models]
        try:
            while lives.kills < size.kills or _events(lives) < size.events:
                behind = _events(lives) * size.kills < lives.kills * size.events
                lives.longest = LONG if behind else SHORT
                await lives.live_and_die()
                for task in (approving, *pipelines):
                    if task.done():
                        task.result()
            load.enough.set()
            lives.start()
            await _until_done(load, lives, pipelines)
        finally:
            for task in (approving, *pipelines):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            await lives.stop()
        found = await judged(fleet, load, lives.ledger)
        said = sum(map(len, load.said.values()))
        dead = [f"{handler}: {error}" for handler, error in lives.ledger.dead()]
        return Ended(found=found, lives=lives, events=_events(lives), said=said, dead=dead)


def _events(lives: Lives) -> int:
    return lives.ledger.count("SELECT count(*) FROM event")


async def _until_done(load: Load, lives: Lives, pipelines: list["asyncio.Task[None]"]) -> None:
    """Wait until every pipeline is content, or nothing has moved for a while; then until quiet."""
    loop = asyncio.get_running_loop()
    moved, before = loop.time(), (-1, -1)
    while True:
        now = (_events(lives), len(load.fleet.channel.told))
        if now != before or lives.ledger.unfinished():
            moved, before = loop.time(), now
        calm = loop.time() - moved
        if calm > _CALM:
            load.stuck.set()
        if all(task.done() for task in pipelines) and calm > 1:
            for task in pipelines:
                task.result()
            return
        await asyncio.sleep(0.1)


def _kills(lives: Lives) -> str:
    times = lives.kills
    return (
        f"{times}; on unfinished work {lives.unfinished} ({lives.unfinished / times:.0%}), between "
        f"sending and done {lives.sending} ({lives.sending / times:.0%})"
    )


def _done(ended: Ended) -> str:
    found = ended.found
    return (
        f"{ended.said} runs said, {ended.events} events: {found.versions} versions, "
        f"{found.proposals} pull requests, {found.merges} merges, {found.posts} posts"
    )


def _zeros(found: Findings) -> str:
    counts = found.counts()
    lost = sum(times for kind, times in counts.items() if kind.startswith("lost"))
    return (
        f"{lost} lost, {counts['duplicate pull request']} duplicate PRs, "
        f"{counts['duplicate version']} duplicate versions, {counts['duplicate merge']} duplicate "
        f"merges, {counts['duplicate post']} duplicate posts ({found.repeats} repeats with a known "
        f"key), {counts['order']} order violations"
    )


async def _shown(
    folder: Path, size: Size, control: Size, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Run the drill and its controls, say what they found, and hold it to the promise."""
    guards: tuple[Guard, ...] = ("memory", "settle", "lanes")
    with timed() as minutes:
        ours = await _drill(folder / "ours", size, seed)
    controls = (_drill(folder / guard, control, seed, guard) for guard in guards)
    off = dict(zip(guards, await asyncio.gather(*controls), strict=True))
    row = Row(
        drill="R1 SIGKILL again and again, SQLite and local git",
        size=_done(ours),
        kills=_kills(ours.lives),
        ours=_zeros(ours.found),
        control="; ".join(
            f"{guard} off, {ended.lives.kills} kills: {_zeros(ended.found)}"
            for guard, ended in off.items()
        ),
        minutes=minutes[0],
    )
    tell(row)
    with capsys.disabled():
        print(f"\nR1 seed {seed}: {row}\n  died at {dict(ours.lives.at)}")
    assert ours.found.faults == {}, f"seed {seed}: {ours.found.faults}"
    assert ours.dead == []
    assert ours.found.merges > 0
    assert ours.lives.unfinished * 2 >= ours.lives.kills
    assert ours.lives.sending * 5 >= ours.lives.kills
    memory, settle, lanes = (off[guard].found.counts() for guard in guards)
    assert memory["duplicate version"] + memory["duplicate pull request"] > 0
    assert any(kind.startswith("lost") for kind in settle)
    assert lanes["order"] > 0


async def test_killed_again_and_again_it_loses_and_doubles_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await _shown(
        tmp_path,
        Size(models=6, kills=30, events=200, bad=8),
        Size(models=3, kills=5, bad=4),
        seed=1,
        capsys=capsys,
    )


@pytest.mark.soak
async def test_killed_a_thousand_times_in_ten_thousand_events(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    size = Size(models=6, kills=1_000, events=10_000, bad=24)
    await _shown(tmp_path, size, Size(models=6, kills=40, bad=8), seed=2026, capsys=capsys)
