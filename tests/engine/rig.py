"""The real relay, ingest and worker over a real ledger, with handlers a test gives them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from processor.adapters.ledgers import Ledger
from processor.bus.local import LocalBus
from processor.engine.clock import SystemClock
from processor.engine.dependencies import KnownStates
from processor.engine.ingest import Ingest
from processor.engine.relay import Relay
from processor.engine.worker import Worker
from processor.events import Event, VersionRegistered, WorkDied
from processor.ports.bus import Bus
from processor.ports.clock import Clock
from processor.ports.route import Route
from processor.values.work import Work

Handler = Callable[[VersionRegistered], Awaitable[Sequence[Event]]]


def route(name: str, handler: Any, **more: Any) -> Route[VersionRegistered]:
    """Return a route for registered versions; a model is a lane."""
    lane = more.pop("lane", lambda event: f"{name}:{event.version.model}")
    return Route(kind=VersionRegistered, name=name, handler=handler, lane=lane, **more)


@dataclass
class Rig:
    ledger: Ledger
    worker: Worker
    dependencies: KnownStates

    async def until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(60):
            while not await condition():
                await asyncio.sleep(0.01)

    async def state_is(self, **counts: int) -> None:
        async def so() -> bool:
            return (await self.ledger.counts.summary()).work == counts

        await self.until(so)

    async def rows(self, state: str) -> dict[str, list[Work]]:
        """Return the rows in a state, by handler."""
        found: dict[str, list[Work]] = {}
        for stuck in await self.ledger.counts.rows(state):  # type: ignore[arg-type]
            found.setdefault(stuck.work.handler, []).append(stuck.work)
        return found

    async def died(self) -> list[WorkDied]:
        found = await self.ledger.log.of_key("main")
        return [one.event for one in found if isinstance(one.event, WorkDied)]


@asynccontextmanager
async def running(
    folder: Path,
    routes: Sequence[Route[Any]],
    *,
    clock: Clock | None = None,
    bus: Bus | None = None,
    over: Callable[[Ledger], Any] = lambda ledger: ledger.work,
    inline: bool = False,
    lanes: int = 32,
) -> AsyncIterator[Rig]:
    """Run; `over` gives the queue that worker and ingest see."""
    clock = clock or SystemClock()
    ledger = await Ledger.open(folder / "sluice.db", "main", clock, inline=inline)
    planned, stopping, wire = asyncio.Event(), asyncio.Event(), bus or LocalBus()
    dependencies = KnownStates(clock=clock)
    work = over(ledger)
    worker = Worker(
        registry_id="main",
        routes=routes,
        work=work,
        clock=clock,
        dependencies=dependencies,
        planned=planned,
        stopping=stopping,
        lanes=lanes,
        longest=0.05,
    )
    relay = Relay(places=ledger.log, bus=wire, clock=clock, appended=ledger.appended)
    ingest = Ingest(routes=routes, work=work, bus=wire, clock=clock, planned=planned)
    tasks = [asyncio.create_task(one) for one in (relay.run(), ingest.run())]
    working = asyncio.create_task(worker.run())
    try:
        yield Rig(ledger, worker, dependencies)
    finally:
        stopping.set()
        planned.set()
        await working
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await ledger.close()
