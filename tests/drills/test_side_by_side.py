"""One handler asleep for minutes and one receiver dead: how much the others notice.

The real relay, ingest and worker over a real ledger, with the worker's own number of lanes. Time
is counted in commits: everybody waits for those, and they are the same on any machine. Seconds
are printed beside, medians of pairs taken in turn.
"""

import asyncio
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from processor.adapters.ledgers import database
from processor.errors import Unavailable
from processor.events import Event, VersionRegistered
from processor.ports.route import Route
from tests.engine.rig import route, running
from tests.make import a_version, registered

MODELS, EACH, PAIRS = 40, 5, 3
OTHERS = ("one", "two", "three")
ROWS = MODELS * EACH * len(OTHERS)


@dataclass(frozen=True)
class Run:
    """What it took until every row of the others was done."""

    commits: int
    seconds: float
    asleep: int

    @property
    def rate(self) -> float:
        return ROWS / self.commits


async def quick(_: VersionRegistered) -> Sequence[Event]:
    return []


async def dead(_: VersionRegistered) -> Sequence[Event]:
    raise Unavailable("endpoint dead", "connection refused", after=0.05)


@contextmanager
def counted() -> Iterator[list[int]]:
    """Count transactions while inside."""
    seen: list[int] = []
    real: Any = database._answers

    def answers(connection: Connection, batch: Any) -> Any:
        seen.append(len(batch))
        return real(connection, batch)

    database._answers = answers
    try:
        yield seen
    finally:
        database._answers = real


async def run(folder: Path, *, disturbed: bool, limits: bool = True) -> Run:
    folder.mkdir()
    asleep = 0

    async def sleep(_: VersionRegistered) -> Sequence[Event]:
        nonlocal asleep
        asleep += 1
        await asyncio.sleep(600)
        return []

    def share(together: int) -> int:
        return together if limits else 32

    routes: list[Route[Any]] = [route(name, quick, together=share(8)) for name in OTHERS]
    if disturbed:
        routes = [
            route("sleeper", sleep, together=share(8), limit=600.0),
            route("announce", dead, part="dead", together=share(1), lane=lambda _: "endpoint:dead"),
            *routes,
        ]
    numbers = [str(number) for number in range(EACH)]
    told = [registered(a_version(n, model=f"m{m}")) for n in numbers for m in range(MODELS)]
    async with running(folder, routes, inline=True) as rig:

        async def done() -> bool:
            summary = await rig.ledger.counts.summary()
            return summary.work.get("done", 0) >= ROWS

        with counted() as commits:
            began = time.perf_counter()
            await rig.ledger.log.append(told)
            while not await done():
                await asyncio.sleep(0)
            return Run(len(commits), time.perf_counter() - began, asleep)


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut the sleepers off at once in the end."""
    monkeypatch.setattr("processor.engine.worker._DRAIN", 0.1)


async def test_others_keep_their_throughput(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = [
        (
            await run(tmp_path / f"quiet-{number}", disturbed=False),
            await run(tmp_path / f"disturbed-{number}", disturbed=True),
        )
        for number in range(PAIRS)
    ]
    off = await run(tmp_path / "off", disturbed=True, limits=False)
    ratios = [disturbed.rate / quiet.rate for quiet, disturbed in pairs]
    seconds = [quiet.seconds / disturbed.seconds for quiet, disturbed in pairs]
    control = off.rate / pairs[0][0].rate
    quiet, disturbed = pairs[0]
    with capsys.disabled():
        print(f"\nside by side: {ROWS} rows of others, {disturbed.asleep} asleep, receiver dead")
        print(f"  rows a commit: {quiet.rate:.1f} undisturbed, {disturbed.rate:.1f} disturbed")
        print(f"  throughput ratio {statistics.median(ratios):.2f} by commits (reach 0.8),", end="")
        print(f" {statistics.median(seconds):.2f} by seconds, {PAIRS} pairs")
        print(f"  control, limits off: {off.asleep} asleep, ratio {control:.2f}")
    assert [disturbed.asleep for _, disturbed in pairs] == [8] * PAIRS
    assert min(ratios) >= 0.8
    assert off.asleep >= 30
    assert control < 0.4
