"""A clock that jumps.

Place in the flow: tests hand it to whatever waits; `jump` moves time and wakes sleepers,
`correct` is the machine's clock being set while no time passes.
"""

import asyncio
from datetime import UTC, datetime, timedelta


class JumpingClock:
    """Time stands still until told; sleepers wake when their moment is passed."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        """Begin at `start`."""
        self._now = start
        self._start = start
        self._corrected = timedelta()
        self._sleepers: list[tuple[datetime, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        """Return the present moment of this clock."""
        return self._now + self._corrected

    def steady(self) -> float:
        """Return the seconds that have passed, whatever the clock was set to."""
        return (self._now - self._start).total_seconds()

    def correct(self, seconds: float) -> None:
        """Set the clock forward or (negative) back; nobody waits less for it."""
        self._corrected += timedelta(seconds=seconds)

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock has been moved that far."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._now + timedelta(seconds=seconds), future))
        await future

    async def jump(self, seconds: float) -> None:
        """Move time and let everyone due run."""
        self._now += timedelta(seconds=seconds)
        for sleeper in list(self._sleepers):
            if sleeper[0] <= self._now:
                self._sleepers.remove(sleeper)
                if not sleeper[1].done():
                    sleeper[1].set_result(None)
        await asyncio.sleep(0)
