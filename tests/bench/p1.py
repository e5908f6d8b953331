"""P1: from a change in the registry to its event on disk, with MLflow's webhook as hint.

Place in the flow: `make bench`. The whole program runs here, at default settings, over the local
log; a version's tag is set by another process, which also receives the same hook bare, without
keeping it. Both hooks are sent by the same server for the same change. Without the hook the tag is
seen by the next reading of everything, a quarter of an hour away: every event here is the hint's.
"""

import asyncio
import json
import secrets
import statistics
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from processor.adapters.ledgers import Ledger
from processor.app.lifecycle import live
from processor.app.outside import open_outside
from processor.app.program import assemble
from processor.demo.processes import free_port
from processor.engine.clock import SystemClock
from processor.web.server import serving
from tests.bench import lanes
from tests.bench.p7 import fdatasync_ms
from tests.bench.registry import LARGE, REGISTRY, SMALL, Bench, seeded, settings
from tests.bench.stamping import StampingLog
from tests.bench.table import Line, asking, end, show
from tests.parts.seeding import Size, name_of

_IDLE = 0.05  # CPU seconds a second: the first readings of everything are over
_PATIENCE = 300.0


@dataclass(frozen=True)
class Sample:
    """Seconds from each change to its event, and to the bare receiver."""

    ours: Sequence[float]
    bare: Sequence[float]
    fdatasync: float

    @property
    def ratio(self) -> float:
        """Return our median as so many of theirs."""
        return statistics.median(self.ours) / statistics.median(self.bare)


@asynccontextmanager
async def program(bench: Bench) -> AsyncIterator[tuple[StampingLog, str, str]]:
    """Run the program; yield its stamped log, where it listens, and the hook's secret."""
    secret = secrets.token_hex(16)
    (bench.folder / "hook-secret").write_text(f"{secret}\n")
    loaded = settings(bench, hook_secret_file="hook-secret")
    ledger = await Ledger.open(loaded.settings.ledger.path, REGISTRY, SystemClock())
    try:
        log = StampingLog(ledger.log)
        stamped: Any = replace(ledger, log=log)  # type: ignore[arg-type]
        async with open_outside(loaded) as outside:
            running = assemble(loaded, stamped, outside, SystemClock())
            async with serving(running.site, host="127.0.0.1", port=0) as url:
                living = asyncio.create_task(live(running))
                await _settled(bench, ledger)
                yield log, url, secret
                running.stopping.set()
                await living
    finally:
        await ledger.close()


async def _settled(bench: Bench, ledger: Ledger) -> None:
    """Wait until the baseline is made and the registry has nothing to do."""
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        before = bench.cpu()
        await asyncio.sleep(2)
        row = await ledger.snapshots.get(f"registry-baseline:{REGISTRY}/default")
        if row.data and json.loads(row.data)["done"] and bench.cpu() - before < 2 * _IDLE:
            return
    raise AssertionError("the first reading of everything did not end")


def webhook(bench: Bench, name: str, url: str, secret: str) -> None:
    """Let MLflow tell an address of every tag set."""
    events = [{"entity": "MODEL_VERSION_TAG", "action": "SET"}]
    body = {"name": name, "url": url, "events": events, "secret": secret}
    bench.server.call("POST", "webhooks", body)


async def measure(bench: Bench, samples: int, changes: int) -> list[Sample]:
    """Set tags, and compare when each was told with when the bare receiver heard of it."""
    bare = free_port()
    found = []
    async with program(bench) as (log, url, secret):
        webhook(bench, "bare", f"http://127.0.0.1:{bare}/", "unread")
        webhook(bench, "ours", f"{url}/hooks/mlflow", secret)
        for number in range(1, samples + 1):
            command = ("-m", "tests.bench.hooked", str(bare), bench.server.url)
            other = await asyncio.create_subprocess_exec(
                sys.executable,
                *(*command, str(changes), str(number)),
                stdout=asyncio.subprocess.PIPE,
            )
            said, _ = await other.communicate()
            moments = json.loads(said)
            lost = set(moments["sent"]) - set(moments["heard"])
            assert not lost, f"the bare receiver never heard of {sorted(lost)}"
            ours = []
            for change in range(changes):
                value = f"{number}-{change}"
                told = await log.until((name_of(change), str(number), value))
                ours.append(told - moments["sent"][value])
            theirs = [moments["heard"][value] - at for value, at in moments["sent"].items()]
            found.append(Sample(ours, theirs, fdatasync_ms()))
    return found


def report(by_size: Sequence[tuple[Size, Sequence[Sample]]]) -> list[Line]:
    """Return each promise with what was measured."""
    lines = []
    for size, samples in by_size:
        at = f"{size.versions} versions"
        lines += [
            Line(
                what=f"{at}: p50 to our event / to a bare receiver",
                ratios=[one.ratio for one in samples],
                reach=3,
                most=True,
            ),
            Line(
                what=f"{at}: to our event, p50 ms",
                ratios=[statistics.median(one.ours) * 1000 for one in samples],
            ),
            Line(
                what=f"{at}: to a bare receiver, p50 ms",
                ratios=[statistics.median(one.bare) * 1000 for one in samples],
            ),
        ]
    return lines


def main() -> None:
    """Measure and print."""
    parser = asking("P1: from a change to its event, with the hook.")
    parser.add_argument("--changes", type=int, default=50)
    parser.add_argument("--small", action="store_true", help="only at 1,000 versions")
    wished = parser.parse_args()
    lanes.as_in_production()
    began = time.perf_counter()
    by_size: list[tuple[Size, Sequence[Sample]]] = []
    for size in (SMALL,) if wished.small else (SMALL, LARGE):
        with seeded(size) as bench:
            print(f"P1 {size.versions} versions of {size.models} models in {bench}")
            by_size.append((size, asyncio.run(measure(bench, wished.samples, wished.changes))))
    lines = report(by_size)
    said = f"{wished.changes} changes each, {time.perf_counter() - began:.0f} s"
    show(f"P1 medians of {wished.samples} samples, {said}", lines)
    every = [one.fdatasync for _, samples in by_size for one in samples]
    end("P1", lines, every, as_json=wished.json)


if __name__ == "__main__":
    main()
