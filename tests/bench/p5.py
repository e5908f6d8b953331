"""P5: from an event to its handler done, beside the same rows written straight, and DBOS.

Place in the flow: `make bench`. 64 models, folds on, everything on disk before it counts, and a
second handler asleep in every lane its route lets it have. One sample runs all sides after each
other, so that a busy moment of the machine hits them all; ratios are taken within a sample.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench import lanes, straight
from tests.bench.p7 import fdatasync_ms
from tests.bench.table import Line, asking, end, show


@dataclass(frozen=True)
class Sample:
    """What each side did in one run, per second: our events, theirs, DBOS's workflows."""

    ours: float
    core: float
    driver: float
    dbos: float
    dbos_wal: float
    fdatasync: float


async def steady(path: Path, count: int) -> float:
    """Return how many events a second are appended, placed, planned, handled and settled."""
    told = lanes.events(count)
    async with lanes.running(path) as engine:
        await engine.ledger.log.append(lanes.to_sleep())
        began = time.perf_counter()
        await lanes.feed(engine, told)
        await engine.settled(count)
        return count / (time.perf_counter() - began)


def dbos(path: Path, count: int, *options: str) -> float:
    """Return how many workflows of three steps DBOS does a second."""
    command = [sys.executable, "-m", "tests.bench.three_steps", "--file", str(path)]
    ran = subprocess.run(
        [*command, "--count", str(count), *options],
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise SystemExit(f"bench: DBOS failed; it comes with `make setup`\n{ran.stderr[-2000:]}")
    said = json.loads(ran.stdout.splitlines()[-1])
    if said["steps"] != 3 * said["workflows"]:
        raise SystemExit(f"bench: DBOS did not commit three steps a workflow: {said}")
    return float(said["rate"])


def sample(count: int, workflows: int) -> Sample:
    """Run every side once, on files of their own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        finished = folder / "ours.db"
        ours = asyncio.run(steady(finished, count))
        rows = straight.rows_of(finished)
        return Sample(
            ours=ours,
            core=count / straight.by_core(folder / "core.db", rows),
            driver=count
            / straight.by_driver(folder / "driver.db", finished, [table.name for table in rows]),
            dbos=dbos(folder / "dbos.db", workflows),
            dbos_wal=dbos(folder / "wal.db", workflows, "--wal"),
            fdatasync=fdatasync_ms(),
        )


def report(samples: Sequence[Sample]) -> list[Line]:
    """Return each promise with what was measured."""
    return [
        Line(
            what="ours / the same rows straight, 100 a commit (Core)",
            ratios=[one.ours / one.core for one in samples],
            reach=0.3,
        ),
        Line(
            what="ours / the same rows straight, 100 a commit (sqlite3)",
            ratios=[one.ours / one.driver for one in samples],
        ),
        Line(
            what="ours / DBOS, three steps, as it comes",
            ratios=[one.ours / one.dbos for one in samples],
            reach=20.0,
        ),
        Line(
            what="ours / DBOS, three steps, its file in WAL mode",
            ratios=[one.ours / one.dbos_wal for one in samples],
        ),
    ]


def main() -> None:
    """Measure and print."""
    parser = asking("P5: event to handler done.")
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--workflows", type=int, default=100)
    wished = parser.parse_args()
    lanes.as_in_production()
    samples = [sample(wished.events, wished.workflows) for _ in range(wished.samples)]
    lines = report(samples)
    title = f"P5 {wished.events} events of {lanes.MODELS} models, one handler asleep,"
    show(f"{title} medians of {wished.samples} samples", lines)
    for name in ("ours", "core", "driver", "dbos", "dbos_wal"):
        print(f"{name:<10}", " ".join(f"{getattr(one, name):.0f}/s" for one in samples))
    end("P5", lines, (one.fdatasync for one in samples), as_json=wished.json)


if __name__ == "__main__":
    main()
