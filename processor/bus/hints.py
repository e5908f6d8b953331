"""A bus that also wakes the sources of this process.

Place in the flow: wraps whatever bus there is; what `engine/relay` publishes may make a look
worthwhile now: a new deadline, or one that has passed. Only a hint: every source looks by itself.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from processor.events import Event
from processor.ports.bus import Bus
from processor.ports.log import Recorded


@dataclass(frozen=True)
class Hint:
    """Which events make a look worthwhile, and what wakes it."""

    worth: Callable[[Event], bool]
    wake: asyncio.Event


@dataclass(frozen=True, kw_only=True)
class HintingBus:
    """Bus."""

    bus: Bus
    hints: Sequence[Hint]

    def coming(self) -> None:
        """Pass it on."""
        self.bus.coming()

    async def publish(self, placed: Sequence[Recorded]) -> None:
        """Publish, then wake whom it concerns."""
        await self.bus.publish(placed)
        for hint in self.hints:
            if any(hint.worth(one.event) for one in placed):
                hint.wake.set()

    async def arrived(self, seconds: float) -> None:
        """Wait until something was published, at most so long."""
        await self.bus.arrived(seconds)
