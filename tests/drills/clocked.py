"""The processor of the clock drill: its machine's clock is what a file says.

The file holds how many seconds the clock was set by; real time passes below it.
"""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from processor.engine import clock
from tests.drills import spawned


def wall_of(file: Path) -> datetime:
    """Return what the machine's clock says."""
    return datetime.now(UTC) + timedelta(seconds=float(file.read_text()))


class Naive:
    """The control: the machine's clock as it is."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def now(self) -> datetime:
        return wall_of(self.file)

    def steady(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def main(config: Path, world: str, points: Path, file: Path, *, naive: bool) -> None:
    """Run until stopped."""

    def made() -> object:
        return Naive(file) if naive else clock.SystemClock(wall=lambda: wall_of(file))

    setattr(spawned, "SystemClock", made)  # noqa: B010 - this process's own copy of the module
    spawned.main(config, world, points, 0)
