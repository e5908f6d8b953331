"""Give each committed event its place, then publish it.

Place in the flow: between the ledger's commit and the bus; everything that pages goes by the
place given here. A crash between the two costs a second publication, never a place.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from processor import log
from processor.errors import Unavailable
from processor.ports.bus import Bus
from processor.ports.clock import Clock
from processor.ports.log import Recorded
from processor.ports.places import Places

_AT_ONCE = 200  # few enough that the first of many is soon acted on
_AGAIN = 1.0  # seconds before another try when ledger or bus is down


@dataclass(frozen=True, kw_only=True)
class Relay:
    """Runs as one task; `appended` is set by every append."""

    places: Places
    bus: Bus
    clock: Clock
    appended: asyncio.Event

    async def run(self) -> None:
        """Place and publish for ever; what could not be published is the first to be, later."""
        unsaid: Sequence[Recorded] = ()
        while True:
            self.appended.clear()
            try:
                more = bool(unsaid)  # left over: what was appended since has not been looked for
                if not unsaid:
                    self.bus.coming()
                    unsaid = await self.places.place(_AT_ONCE)
                    more = len(unsaid) == _AT_ONCE
                if unsaid:
                    await self.bus.publish(unsaid)
                unsaid = ()
            except Unavailable as outage:
                log.warn("relay.waits", reason=str(outage))
                await self.clock.sleep(_AGAIN)
                continue
            if not more:
                await self.appended.wait()
