"""No broker: the event table is the log, this only wakes the reader.

Place in the flow: `engine/relay` publishes here when `bus:` is absent; `engine/ingest` waits.
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

    async def publish(self, placed: Sequence[Recorded]) -> None:
        """Wake the reader; the events are in the ledger already."""
        if placed:
            self._wake.set()

    async def arrived(self, seconds: float) -> None:
        """Wait for a wake-up, at most so long."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)
        self._wake.clear()
