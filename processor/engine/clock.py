"""The machine's clock, without its jumps.

Place in the flow: `app` hands it to everything that waits or stamps. Every duration we measure
(a backoff, a quiet window, a rollout's deadline) rests on two readings; so `now` never goes back
and never leaps, it draws near to the machine's clock a tenth faster or slower than time passes.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from processor import log

RATE = 0.1
"""How much faster or slower than real time `now` may run while it follows the machine's clock."""

FASTEST = 1.0 + RATE
"""How many of our seconds may pass in one that really passes."""

_LEAP = timedelta(days=1)  # a clock that was this far behind had never been set
_NOTABLE = timedelta(seconds=5)


def _wall() -> datetime:
    """Return what the machine's clock says."""
    return datetime.now(UTC)


def _passing() -> float:
    """Return seconds that count a suspended machine's sleep too, where the kernel tells them."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class SystemClock:
    """Real time, steadily."""

    def __init__(
        self,
        *,
        not_before: datetime | None = None,
        wall: Callable[[], datetime] = _wall,
        passing: Callable[[], float] = _passing,
    ) -> None:
        """Begin at the machine's time, or at what the ledger has seen already.

        `not_before` is the newest moment anything was stamped with; `wall` and `passing` are the
        machine's clock and its monotonic seconds.
        """
        self._wall, self._passing = wall, passing
        self._at = passing()
        self._now = max(wall(), not_before or datetime.min.replace(tzinfo=UTC))
        self._apart = False

    def now(self) -> datetime:
        """Return the present moment, UTC."""
        at = self._passing()
        passed = timedelta(seconds=max(0.0, at - self._at))
        self._at = at
        self._now += passed
        apart = self._wall() - self._now
        self._tell(apart)
        if apart > _LEAP:
            self._now += apart
        else:
            self._now += max(-passed * RATE, min(passed * RATE, apart))
        return self._now

    def steady(self) -> float:
        """Return seconds that pass whatever the machine's clock is set to."""
        return self._passing()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

    def _tell(self, apart: timedelta) -> None:
        """Say once that the machine's clock was set, and once that we have caught up."""
        far = abs(apart) > _NOTABLE
        if far and not self._apart:
            log.warn("clock.set", machine_ahead_by=round(apart.total_seconds(), 1))
        elif self._apart and not far:
            log.say("clock.agrees")
        self._apart = far
