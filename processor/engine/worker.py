"""Lanes: order within one, many side by side.

Place in the flow: takes due heads from `ports/work`, has their turns (`engine/turns`) and stays
within what `routes.py` allows each handler, so that one that sleeps or hangs uses up its own
share and nobody else's.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from processor import log
from processor.engine.tries import Tries
from processor.engine.turns import Turns
from processor.errors import Unavailable
from processor.events import Event
from processor.ports.clock import Clock
from processor.ports.dependencies import Dependencies
from processor.ports.route import Route
from processor.ports.work import Room, Share, WorkQueue
from processor.values.work import CONDEMNED, SUSPECT, Work

_IDLE = 5.0  # seconds until we look without having been told
_ROUNDS = 2  # of the loop, in which turns that have their answer at once make room again
_DRAIN = 20.0  # seconds a turn may still take after SIGTERM


@dataclass(frozen=True, kw_only=True)
class Worker:
    """Runs as one task until `stopping`, then lets turns finish. `planned` wakes it.

    `lanes` is how many turns are had at once, `longest` the seconds between two tries at most.
    """

    registry_id: str
    routes: Sequence[Route[Any]]
    work: WorkQueue
    clock: Clock
    dependencies: Dependencies
    planned: asyncio.Event
    stopping: asyncio.Event
    lanes: int = 32
    longest: float = 30.0
    _turns: dict["asyncio.Task[None]", Work] = field(default_factory=dict)
    _acting: dict[int, Work] = field(default_factory=dict)
    _back: list[str] = field(default_factory=list)

    async def run(self) -> None:
        """Take turns until told to stop; then drain."""
        turns = Turns(
            registry_id=self.registry_id,
            work=self.work,
            clock=self.clock,
            dependencies=self.dependencies,
            tries=Tries(clock=self.clock, longest=self.longest),
        )
        handlers = {(route.kind, route.name, route.part): route for route in self.routes}
        most = {(route.name, route.part): route.together for route in self.routes}
        while not self.stopping.is_set():
            for _ in range(_ROUNDS):
                await asyncio.sleep(0)
            self.planned.clear()
            wait = await self._take(turns, handlers, most)
            # Not `wait_for`: before Python 3.12 it swallows a cancellation that meets the wake-up.
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self.planned.wait()
        await self._drain(turns)

    async def _drain(self, turns: Turns) -> None:
        """Let turns end; what takes too long is cut off, put back, and nobody's fault."""
        left = dict(self._turns)
        if left:
            _, late = await asyncio.wait(left, timeout=_DRAIN)
            for turn in late:
                turn.cancel()
            if late:
                await asyncio.wait(late, timeout=_DRAIN)
            for turn in late:
                await turns.put_back(left[turn])

    async def _take(
        self,
        turns: Turns,
        handlers: Mapping[tuple[type[Event], str, str], Route[Any]],
        most: Mapping[Share, int],
    ) -> float:
        """Start a turn in every due lane there is room for; return when to look again."""
        if any(SUSPECT <= work.crashes < CONDEMNED for work in self._acting.values()):
            return _IDLE  # what may end the process runs alone
        taken = Counter((work.handler, work.part) for work in self._acting.values())
        try:
            await self._hurry()
            room = Room(free=max(self.lanes - len(self._acting), 0), most=most, taken=taken)
            claim = await self.work.claim(room)
        except Unavailable as outage:
            self.dependencies.report(outage.product, str(outage))
            return outage.after
        for work, event in claim.turns:
            route = handlers.get((type(event), work.handler, work.part)) if event else None
            if work.crashes >= SUSPECT:
                log.warn("row.suspect", row=work.id, handler=work.handler, crashes=work.crashes)
            turn = turns.have(route, work, event, self._acted)
            task = asyncio.create_task(turn, name=work.handler)
            self._turns[task] = self._acting[work.id] = work
            task.add_done_callback(self._ended)
        if claim.next_due is None:
            return _IDLE
        return min(max((claim.next_due - self.clock.now()).total_seconds(), 0.005), _IDLE)

    async def _hurry(self) -> None:
        """Let the rows that wait for a product that is back go on; what fails is made up for."""
        self._back.extend(self.dependencies.recovered())
        while self._back:
            await self.work.hurry(self._back[0])
            del self._back[0]

    def _acted(self, work: Work) -> None:
        """Let others have their turns: the next row of its lane too, once this one is stored."""
        if self._acting.get(work.id) is work:  # else it is having another turn already
            del self._acting[work.id]
        self.planned.set()

    def _ended(self, task: "asyncio.Task[None]") -> None:
        """Forget a turn, even one that ended as none should."""
        work = self._turns.pop(task)
        if self._acting.get(work.id) is work:
            self._acted(work)
