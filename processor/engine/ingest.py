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
from processor.ports.work import Plan, Turn, WorkQueue

_SWEEP = 30.0  # seconds until we look without having been told
_AGAIN = 1.0
_AT_ONCE = 200  # events; few enough that the first of many is acted on while the rest is planned


def planning(routes: Sequence[Route[Any]]) -> Plan:
    """Return what plans an event's turns, in the order of the table of contents."""
    by_kind: dict[type[Event], list[Route[Any]]] = {}
    for route in routes:
        by_kind.setdefault(route.kind, []).append(route)

    def turns(event: Event) -> list[Turn]:
        return [
            Turn(route.name, route.part, lane)
            for route in by_kind.get(type(event), ())
            if (lane := route.lane(event)) is not None
        ]

    return turns


@dataclass(frozen=True, kw_only=True)
class Ingest:
    """Runs as one task; `planned` wakes the worker."""

    routes: Sequence[Route[Any]]
    work: WorkQueue
    bus: Bus
    clock: Clock
    planned: asyncio.Event

    async def run(self) -> None:
        """Dispatch for ever: what the bus tells at once, anything else at the next sweep."""
        plan = planning(self.routes)
        async with asyncio.TaskGroup() as group:
            told = group.create_task(self._when_told(plan), name="ingest-told")
            swept = group.create_task(self._sweep(plan), name="ingest-sweep")
            await asyncio.wait({told, swept})

    async def _when_told(self, plan: Plan) -> None:
        while True:
            await self._dispatch(plan)
            try:
                await self.bus.arrived(_SWEEP)
            except Unavailable as outage:
                log.warn("ingest.waits", reason=str(outage))
                await self.clock.sleep(_AGAIN)

    async def _sweep(self, plan: Plan) -> None:
        while True:
            await self.clock.sleep(_SWEEP)
            await self._dispatch(plan)

    async def _dispatch(self, plan: Plan) -> None:
        """Plan everything there is; while the ledger cannot answer, again and again."""
        more = True
        while more:
            # The worker asks behind us: what we plan and what it takes share a commit.
            self.planned.set()
            try:
                more = await self.work.dispatch(plan, _AT_ONCE) == _AT_ONCE
            except Unavailable as outage:
                log.warn("ingest.waits", reason=str(outage))
                await self.clock.sleep(_AGAIN)
