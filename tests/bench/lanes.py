"""The real relay, ingest and worker over a real ledger, for what is measured of them.

Place in the flow: P5, P8 and the drill that puts handlers to sleep. One handler answers at once,
another never does: its rows are due from the first moment, and would fill every lane if its
route let them.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from processor import log
from processor.adapters.ledgers import Ledger
from processor.app.lifecycle import spare_collections
from processor.bus.local import LocalBus
from processor.engine.clock import SystemClock
from processor.engine.dependencies import KnownStates
from processor.engine.ingest import Ingest
from processor.engine.relay import Relay
from processor.engine.worker import Worker
from processor.events import EvaluationRequested, Event, VersionMarked, VersionRegistered
from processor.ports.route import Route
from processor.values.about import About
from tests.make import a_version, registered

MODELS = 64
LANES = 72
TOGETHER = 64
ASLEEP = 40
"""Rows of the handler that sleeps: more than there are lanes in the program as it comes."""


def as_in_production() -> None:
    """Collect garbage and write a line a turn as `sluice run` does, but to nowhere."""
    spare_collections()
    sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - until the measurement ends
    log.set_up(pretty=False)
    sys.stderr = sys.__stderr__


def events(count: int, start: int = 0) -> list[VersionRegistered]:
    """Return registered versions of all models in turn."""
    numbered = (divmod(number, MODELS) for number in range(start, start + count))
    return [registered(a_version(str(n), model=f"model-{m}")) for n, m in numbered]


def to_sleep(count: int = ASLEEP) -> list[EvaluationRequested]:
    """Return events for the handler that sleeps, each in a lane of its own."""
    versions = [a_version(str(number), model="asleep") for number in range(count)]
    return [
        EvaluationRequested(head=EvaluationRequested.heading(About.of(one), "1"), version=one)
        for one in versions
    ]


@dataclass
class Engine:
    """What runs since `began`; `done` are the turns that ended. Moments are the loop's."""

    ledger: Ledger
    began: float = 0.0
    done: list[float] = field(default_factory=list)
    awaited: int = 0
    reached: asyncio.Event = field(default_factory=asyncio.Event)

    async def mark(self, event: VersionRegistered) -> Sequence[Event]:
        """Say at once that the version was marked."""
        self.done.append(asyncio.get_running_loop().time())
        if len(self.done) == self.awaited:
            self.reached.set()
        head = event.leads_to(VersionMarked, About.of(event.version), "stage=Staging")
        return [
            VersionMarked(
                head=head, version=event.version, mark="stage", value="Staging", previous="None"
            )
        ]

    async def sleep(self, _: EvaluationRequested) -> Sequence[Event]:
        """Never answer."""
        await asyncio.sleep(3600)
        return []

    async def settled(self, count: int) -> None:
        """Return once so many turns have ended and the ledger knows it."""
        self.awaited = count
        if len(self.done) < count:
            await self.reached.wait()
        while (await self.ledger.counts.summary()).work.get("done", 0) < count:
            await asyncio.sleep(0.002)


@asynccontextmanager
async def running(
    path: Path, *, lanes: int = LANES, together: int = TOGETHER, asleep: int = 8
) -> AsyncIterator[Engine]:
    """Run over a ledger; `together` and `asleep` are the two handlers' shares of the lanes."""
    clock = SystemClock()
    ledger = await Ledger.open(path, "main", clock)
    engine = Engine(ledger)
    routes: list[Route[Any]] = [
        Route(
            kind=VersionRegistered,
            name="mark",
            handler=engine.mark,
            lane=lambda event: f"model:{event.head.key}",
            together=together,
        ),
        Route(
            kind=EvaluationRequested,
            name="sleeper",
            handler=engine.sleep,
            lane=lambda event: f"version:{event.head.subject}",
            limit=3600.0,
            together=asleep,
        ),
    ]
    planned, bus = asyncio.Event(), LocalBus()
    worker = Worker(
        registry_id="main",
        routes=routes,
        work=ledger.work,
        clock=clock,
        dependencies=KnownStates(clock=clock),
        planned=planned,
        stopping=asyncio.Event(),
        lanes=lanes,
    )
    relay = Relay(places=ledger.log, bus=bus, clock=clock, appended=ledger.appended)
    ingest = Ingest(routes=routes, work=ledger.work, bus=bus, clock=clock, planned=planned)
    before = asyncio.all_tasks()
    engine.began = asyncio.get_running_loop().time()
    parts = [asyncio.create_task(part) for part in (relay.run(), ingest.run(), worker.run())]
    try:
        yield engine
    finally:
        # Not drained: a sleeper would be waited for. What is measured is settled by now.
        ours = {*parts, *(asyncio.all_tasks() - before)}
        begun = [task for task in ours if task.get_name() != "ledger-commit"]
        for task in begun:
            task.cancel()
        for task in begun:
            with suppress(asyncio.CancelledError):
                await task
        await ledger.close()


async def feed(engine: Engine, told: Sequence[Event], *, ahead: int = 512) -> None:
    """Append events one by one, each model's in order, at most so many before they are done."""
    room = asyncio.Semaphore(ahead)
    begun = len(engine.done)

    async def one_model(mine: Sequence[Event]) -> None:
        for event in mine:
            await room.acquire()
            await engine.ledger.log.append([event])

    async def make_room() -> None:
        seen = begun
        while seen < begun + len(told):
            await asyncio.sleep(0.002)
            for _ in range(len(engine.done) - seen):
                room.release()
            seen = len(engine.done)

    by_model: dict[str, list[Event]] = {}
    for event in told:
        by_model.setdefault(event.head.key, []).append(event)
    making = asyncio.create_task(make_room())
    await asyncio.gather(*(one_model(mine) for mine in by_model.values()))
    making.cancel()
