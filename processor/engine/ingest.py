"""From "event X happened" to work rows.

Place in the flow: wakes when the bus says something arrived, and sweeps now and then for what no
bus told. An event is planned once; its rows are made in one transaction with that fact.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from processor import log
from processor.errors import Unavailable
from processor.events import Event
from processor.ports.bus import Bus
from processor.ports.clock import Clock
from processor.ports.route import Route
from processor.ports.work import Turn, WorkQueue

_SWEEP = 30.0  # seconds until we look without having been told
_AGAIN = 1.0


def turns(routes: Sequence[Route[Any]], event: Event) -> list[Turn]:
    """Return the turns an event leads to, in the order of the table of contents."""
    return [
        Turn(route.name, route.part, lane)
        for route in routes
        if type(event) is route.kind and (lane := route.lane(event)) is not None
    ]


@dataclass(frozen=True, kw_only=True)
class Ingest:
    """Runs as one task; `planned` wakes the worker."""

    routes: Sequence[Route[Any]]
    work: WorkQueue
    bus: Bus
    clock: Clock
    planned: asyncio.Event

    async def run(self) -> None:
        """Dispatch for ever."""
        while True:
            try:
                while await self.work.dispatch(lambda event: turns(self.routes, event)):
                    self.planned.set()
            except Unavailable as outage:
                log.warn("ingest.waits", reason=str(outage))
                await self.clock.sleep(_AGAIN)
                continue
            await self.bus.arrived(_SWEEP)
