"""P8: ten thousand events waiting after an outage, beside P5's steady rate.

Place in the flow: `make bench`. The events were stored while nothing ran: none has a place, none
is planned. Drained is when the ledger knows of the last; the first effect is the first handler
called. Steady rate and drain alternate within a sample, on files of their own.
"""

import asyncio
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from processor.adapters.ledgers import Ledger
from processor.engine.clock import SystemClock
from tests.bench import lanes
from tests.bench.p5 import steady
from tests.bench.p7 import fdatasync_ms
from tests.bench.table import Line, asking, end, show

_STORED_AT_ONCE = 500


@dataclass(frozen=True)
class Sample:
    """Events a second when fed and when draining; seconds to drain and to the first effect."""

    steady: float
    drained: float
    seconds: float
    first: float
    fdatasync: float


async def store(path: Path, count: int) -> None:
    """Leave events behind that nobody has looked at."""
    ledger = await Ledger.open(path, "main", SystemClock())
    told = lanes.events(count)
    await ledger.log.append(lanes.to_sleep())
    for first in range(0, count, _STORED_AT_ONCE):
        await ledger.log.append(told[first : first + _STORED_AT_ONCE])
    await ledger.close()


async def drain(path: Path, count: int) -> tuple[float, float]:
    """Return the seconds to drain, and to the first effect."""
    async with lanes.running(path) as engine:
        await engine.settled(count)
        loop = asyncio.get_running_loop()
        return loop.time() - engine.began, engine.done[0] - engine.began


def sample(count: int) -> Sample:
    """Feed once, drain once."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        asyncio.run(store(folder / "outage.db", count))
        fed = asyncio.run(steady(folder / "steady.db", count))
        seconds, first = asyncio.run(drain(folder / "outage.db", count))
        return Sample(fed, count / seconds, seconds, first, fdatasync_ms())


def report(samples: Sequence[Sample]) -> list[Line]:
    """Return each promise with what was measured."""
    return [
        Line(
            what="drained / P5's steady rate",
            ratios=[one.drained / one.steady for one in samples],
            reach=0.8,
        ),
        Line(
            what="first effect / the drain",
            ratios=[one.first / one.seconds for one in samples],
            reach=0.02,
            most=True,
        ),
    ]


def main() -> None:
    """Measure and print."""
    parser = asking("P8: draining after an outage.")
    parser.add_argument("--events", type=int, default=10_000)
    wished = parser.parse_args()
    lanes.as_in_production()
    began = time.perf_counter()
    samples = [sample(wished.events) for _ in range(wished.samples)]
    lines = report(samples)
    title = f"P8 {wished.events} events waiting, {lanes.MODELS} models, one handler asleep,"
    show(f"{title} medians of {wished.samples} samples, {time.perf_counter() - began:.0f} s", lines)
    print("steady    ", " ".join(f"{one.steady:.0f}/s" for one in samples))
    print("drained   ", " ".join(f"{one.drained:.0f}/s" for one in samples))
    print("first     ", " ".join(f"{one.first * 1000:.0f} ms" for one in samples))
    end("P8", lines, (one.fdatasync for one in samples), as_json=wished.json)


if __name__ == "__main__":
    main()
