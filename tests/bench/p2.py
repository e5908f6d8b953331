"""P2: from a change in the registry to its event, by poll alone, at 50,000 versions.

Place in the flow: `make bench`. Versions change stage at moments spread evenly over the time from
one look to the next, so that the mean is not a matter of luck; measured from MLflow's answer to the
change until the event is on disk. Beside it what no poll can avoid: half of the time between two
looks, and one look's own time. The tick is not stretched here: how far `max_load` stretches it, P3
says.
"""

import asyncio
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from processor.engine.dependencies import KnownStates
from processor.ports.clock import Clock
from processor.rules.pace import Rhythm
from processor.sources.findings import Findings
from processor.sources.pace import Course
from processor.sources.registry import RegistrySource
from processor.sources.schedule import keep_looking
from tests.bench import lanes
from tests.bench.p7 import fdatasync_ms
from tests.bench.registry import LARGE, Bench, looking, rhythms, seeded
from tests.bench.stamping import StampingLog
from tests.bench.table import Line, asking, end, show
from tests.parts.seeding import Size, name_of

_EXTRA_MS = 20.0
_WARM = 3  # looks before the first change


@dataclass(frozen=True)
class Sample:
    """Seconds, means: change to event; from look to look; a look that told something."""

    late: float
    between: float
    own: float
    fdatasync: float

    @property
    def extra_ms(self) -> float:
        """Return what is left beyond half an interval and one look."""
        return (self.late - self.between / 2 - self.own) * 1000


@dataclass
class _Watched:
    """The source's fast look, with when each began and ended."""

    source: RegistrySource
    began: list[float] = field(default_factory=list)
    ended: list[float] = field(default_factory=list)
    begins: asyncio.Event = field(default_factory=asyncio.Event)

    async def look(self) -> Mapping[str, str]:
        """Look."""
        self.began.append(time.monotonic())
        self.begins.set()
        try:
            return await self.source.look_changes()
        finally:
            self.ended.append(time.monotonic())

    async def next(self) -> None:
        """Wait until a look begins."""
        self.begins.clear()
        await self.begins.wait()

    def own(self, moment: float) -> float:
        """Return how long the look took that was under way then."""
        spans = zip(self.began, self.ended, strict=False)
        return next(end - began for began, end in spans if began <= moment <= end)


async def measure(bench: Bench, number: int, changes: int) -> Sample:
    """Let so many versions change stage; `number` tells samples apart."""
    every = rhythms(bench)["registry.changes"].every
    late: list[float] = []
    own: list[float] = []
    async with looking(bench) as ours:
        log = StampingLog(ours.ledger.log)
        watched = _Watched(ours.over(log))
        await watched.source.look_changes()
        polling = asyncio.create_task(_poll(watched, every, ours.clock))
        for _ in range(_WARM):
            await watched.next()
        begun = len(watched.began)
        for change in range(changes):
            await watched.next()
            period = watched.began[-1] - watched.began[-2]
            await asyncio.sleep(period * (change + 0.5) / changes)
            model, version = name_of(change), str(number + 1)
            body = {"name": model, "version": version, "stage": "Staging"}
            path = "model-versions/transition-stage"
            await asyncio.to_thread(bench.server.call, "POST", path, body)
            answered = time.monotonic()
            told = await log.until((model, version, "Staging"))
            late.append(told - answered)
            await watched.next()
            own.append(watched.own(told))
        polling.cancel()
        await asyncio.gather(polling, return_exceptions=True)
    starts = watched.began[begun - 1 :]
    between = (starts[-1] - starts[0]) / (len(starts) - 1)
    return Sample(statistics.fmean(late), between, statistics.fmean(own), fdatasync_ms())


async def _poll(watched: _Watched, every: float, clock: Clock) -> None:
    """Keep looking, as the program does."""
    await keep_looking(
        watched.look,
        course=Course(name="registry.changes", rhythm=Rhythm(every), clock=clock),
        products=["registry"],
        clock=clock,
        findings=Findings(dependencies=KnownStates(clock=clock)),
        wake=asyncio.Event(),
    )


def report(samples: Sequence[Sample]) -> list[Line]:
    """Return the promise with what was measured."""
    return [
        Line(
            what="change to event beyond interval/2 + one look, ms",
            ratios=[one.extra_ms for one in samples],
            reach=_EXTRA_MS,
            most=True,
        ),
        Line(what="change to event, ms", ratios=[one.late * 1000 for one in samples]),
        Line(what="from look to look, ms", ratios=[one.between * 1000 for one in samples]),
        Line(what="a look that told it, ms", ratios=[one.own * 1000 for one in samples]),
    ]


def main() -> None:
    """Measure and print."""
    parser = asking("P2: from a change to its event, by poll alone.")
    parser.add_argument("--changes", type=int, default=20)
    parser.add_argument("--versions", type=int, default=LARGE.versions)
    parser.add_argument("--models", type=int, default=LARGE.models)
    wished = parser.parse_args()
    lanes.as_in_production()
    began = time.perf_counter()
    with seeded(Size(versions=wished.versions, models=wished.models)) as bench:
        print(f"P2 {wished.versions} versions of {wished.models} models in {bench}")
        runs = range(wished.samples)
        samples = [asyncio.run(measure(bench, number, wished.changes)) for number in runs]
    lines = report(samples)
    said = f"{wished.changes} changes each, {time.perf_counter() - began:.0f} s"
    show(f"P2 medians of {wished.samples} samples, {said}", lines)
    end("P2", lines, (one.fdatasync for one in samples), as_json=wished.json)


if __name__ == "__main__":
    main()
