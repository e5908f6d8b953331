"""No broker: the event table is the log, this only wakes the reader.

Place in the flow: `engine/relay` tells it what comes when `bus:` is absent; `engine/ingest` waits.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from processor.ports.log import Recorded


@dataclass(frozen=True)
class LocalBus:
    """A wake-up."""

    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    def coming(self) -> None:
        """Wake the reader: it reads the ledger."""
        self._wake.set()

    async def publish(self, placed: Sequence[Recorded]) -> None:
        """Do nothing more; the events are in the ledger already."""

    async def arrived(self, seconds: float) -> None:
        """Wait for a wake-up, at most so long."""
        # Not `wait_for`: before Python 3.12 it swallows a cancellation that meets the wake-up.
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        self._wake.clear()
