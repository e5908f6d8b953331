"""A look that does not go well for far too long is told of once, whatever restarts between."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from processor.adapters.ledgers import Ledger
from processor.engine.dependencies import KnownStates
from processor.errors import Terminal, Unavailable
from processor.events import SourceStalled
from processor.ports.snapshots import Snapshots
from processor.rules.pace import Rhythm
from processor.rules.stalls import Trouble, patience_with, trouble
from processor.sources.findings import Findings
from processor.sources.pace import Courses
from processor.sources.schedule import keep_looking
from processor.sources.stalls import StallsSource
from processor.values.look import LookState
from processor.values.snapshot import Snapshot
from tests.report import Row, tell, timed
from tests.simulation.loop import EPOCH, VirtualClock, virtually

_MINUTE = 60.0


@dataclass(frozen=True)
class Forgetful:
    """Snapshots of a source that remembers nothing: the control."""

    real: Snapshots

    async def load(self, prefix: str) -> Mapping[str, Snapshot]:
        found = await self.real.load(prefix)
        return {subject: replace(one, data=None) for subject, one in found.items()}


@dataclass
class Bench:
    """A process with one look and the source that watches it, over a ledger that outlives it."""

    path: Path
    clock: VirtualClock = field(default_factory=VirtualClock)
    down: Exception | None = None
    hangs: bool = False
    every: float = 2.0
    forgets: bool = False
    looks: int = 0

    async def look(self) -> Mapping[str, str]:
        self.looks += 1
        if self.hangs:
            await asyncio.Event().wait()
        if self.down is not None:
            raise self.down
        return {"registry": ""}

    @asynccontextmanager
    async def process(self) -> AsyncIterator[Ledger]:
        """Run until the block ends, as if killed then."""
        ledger = await Ledger.open(self.path, "main", self.clock, inline=True)
        courses = Courses(clock=self.clock)
        findings = Findings(dependencies=KnownStates(clock=self.clock))
        stalls = StallsSource(
            registry_id="main",
            looks=courses,
            log=ledger.log,
            snapshots=ledger.snapshots,
            clock=self.clock,
            incarnation=str(ledger.incarnation),
        )
        if self.forgets:
            stalls = replace(stalls, snapshots=Forgetful(ledger.snapshots))  # type: ignore[arg-type]

        def kept(look: object, name: str, every: float) -> "asyncio.Task[None]":
            return asyncio.create_task(
                keep_looking(
                    look,  # type: ignore[arg-type]
                    course=courses.of(name, Rhythm(every)),
                    products=["registry"],
                    clock=self.clock,
                    findings=findings,
                    wake=asyncio.Event(),
                )
            )

        tasks = [kept(self.look, "registry.changes", self.every), kept(stalls.look, "stalls", 5.0)]
        try:
            yield ledger
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await ledger.close()

    async def passes(self, minutes: float) -> None:
        await self.clock.sleep(minutes * _MINUTE)


async def told(ledger: Ledger) -> list[SourceStalled]:
    found = await ledger.log.of_type(SourceStalled, "main")
    return [one.event for one in found if isinstance(one.event, SourceStalled)]


def test_an_outage_is_told_once_and_the_next_one_again(tmp_path: Path) -> None:
    async def story() -> None:
        bench = Bench(tmp_path / "sluice.db")
        async with bench.process() as ledger:
            await bench.passes(10)
            assert await told(ledger) == []
            bench.down = Unavailable("registry", "refused")
            went_well = bench.clock.now()
            await bench.passes(4.9)
            assert await told(ledger) == []
            await bench.passes(60)
            [stall] = await told(ledger)
            assert (stall.name, stall.reason) == ("registry changes", "registry: refused")
            assert abs(stall.since - went_well) < timedelta(seconds=3)
            bench.down = None
            await bench.passes(2)
            bench.down = Terminal("MLflow refused versions/search with 400: no")
            await bench.passes(60)
            [_, again] = await told(ledger)
            assert again.reason == "MLflow refused versions/search with 400: no"
            assert again.head.id != stall.head.id

    virtually(story())


def test_one_that_hangs_is_told_too(tmp_path: Path) -> None:
    async def story() -> None:
        bench = Bench(tmp_path / "sluice.db", hangs=True)
        async with bench.process() as ledger:
            await bench.passes(4)
            assert await told(ledger) == []
            await bench.passes(30)
            [stall] = await told(ledger)
            assert stall.reason.startswith("a look that began 30")
            assert bench.looks == 1

    virtually(story())


def test_a_look_that_is_slow_by_design_is_given_ten_of_its_intervals(tmp_path: Path) -> None:
    async def story() -> None:
        bench = Bench(tmp_path / "sluice.db", every=900.0)
        async with bench.process() as ledger:
            await bench.passes(1)
            bench.down = Unavailable("registry", "refused")
            await bench.passes(149)
            assert await told(ledger) == []
            await bench.passes(2)
            assert len(await told(ledger)) == 1

    virtually(story())


async def _restarted(path: Path, *, forgets: bool) -> int:
    """Return how often one outage was told by a process that is killed every three minutes."""
    bench = Bench(path, forgets=forgets, down=Unavailable("registry", "refused"))
    for _ in range(20):
        async with bench.process():
            await bench.passes(3)
    bench.forgets = False
    async with bench.process() as ledger:
        found = len(await told(ledger))
        bench.down = None
        await bench.passes(1)
        bench.down = Unavailable("registry", "refused again")
        await bench.passes(6)
        assert len(await told(ledger)) == found + 1, "the next stall is told again"
    return found


def test_restarts_neither_begin_the_wait_anew_nor_tell_again(tmp_path: Path) -> None:
    with timed() as minutes:
        ours = virtually(_restarted(tmp_path / "ours.db", forgets=False))
        bench_off = virtually(_forgetful(tmp_path / "off.db"))
        never = virtually(_restarted(tmp_path / "never.db", forgets=True))
    tell(
        Row(
            drill="source.stalled: one outage",
            size="an hour; 20 processes, killed every 3 min",
            ours=f"told {ours} time(s)",
            control=(
                f"without memory: {never} time(s) over the restarts, {bench_off} time(s) in one "
                "process"
            ),
            minutes=minutes[0],
        )
    )
    assert ours == 1
    assert never == 0, "each of its processes begins to wait anew"
    assert bench_off > 100, "and one that lives on tells again at every look"


async def _forgetful(path: Path) -> int:
    bench = Bench(path, forgets=True, down=Unavailable("registry", "refused"))
    async with bench.process() as ledger:
        await bench.passes(60)
        return len(await told(ledger))


def test_hiccups_are_told_to_nobody(tmp_path: Path) -> None:
    async def story() -> None:
        bench = Bench(tmp_path / "sluice.db")
        async with bench.process() as ledger:
            for _ in range(40):
                bench.down = Unavailable("registry", "refused")
                await bench.passes(2)
                bench.down = None
                await bench.passes(1)
            assert await told(ledger) == []

    virtually(story())


def _state(**changes: object) -> LookState:
    given: dict[str, object] = {
        "name": "proposals",
        "every": 30.0,
        "interval": 30.0,
        "pace": "",
        "first": EPOCH,
        "out": 0.0,
        "well": None,
        "problem": "",
        "requests": 0,
        "seconds": 0.0,
        "cost": 0.0,
    }
    return LookState(**{**given, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("state", "before", "after_minutes", "found"),
    [
        (_state(), None, 60, None),
        (_state(well=EPOCH), Trouble(EPOCH, told=True), 60, None),
        (_state(), Trouble(EPOCH, told=True), 60, Trouble(EPOCH, told=True)),
        (_state(problem="x"), None, 1, Trouble(EPOCH, told=False)),
        (_state(problem="x"), None, 5, Trouble(EPOCH, told=True)),
        (_state(out=400.0), None, 7, Trouble(EPOCH, told=True)),
        (_state(problem="x", interval=60.0), None, 9, Trouble(EPOCH, told=False)),
        (_state(problem="x"), None, -600, Trouble(EPOCH, told=False)),
    ],
)
def test_what_is_trouble(
    state: LookState, before: Trouble | None, after_minutes: int, found: Trouble | None
) -> None:
    moment: datetime = EPOCH + timedelta(minutes=after_minutes)
    assert trouble(state, before, moment) == found
    assert patience_with(state) >= timedelta(minutes=5)
