"""Lanes: order within one, many side by side.

Place in the flow: takes due heads from `ports/work`, calls their handlers, and settles what they
return with the row in one transaction. It alone decides what becomes of a failure: an outage
holds the lane and blames nobody, an answer that blames the row spends its budget, then the row
is dead, told once, and the lane moves on.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from processor import log
from processor.errors import NotYet, Retryable, Suppressed, Terminal, Unavailable
from processor.events import Event, WorkDied
from processor.ports.clock import Clock
from processor.ports.dependencies import Dependencies
from processor.ports.route import Route
from processor.ports.work import WorkQueue
from processor.values.about import About
from processor.values.principal import SLUICE
from processor.values.work import Work

_BUDGET = 6  # answers that may blame a row before it is dead
_IDLE = 5.0  # seconds until we look without having been told
_DRAIN = 20.0  # seconds a turn may still take after SIGTERM


@dataclass(frozen=True, kw_only=True)
class Worker:
    """Runs as one task until `stopping`, then lets turns finish. `planned` wakes it.

    `lanes` is how many turns are had at once, `limit` the seconds one may take, `longest` the
    seconds between two tries at most.
    """

    registry_id: str
    routes: Sequence[Route[Any]]
    work: WorkQueue
    clock: Clock
    dependencies: Dependencies
    planned: asyncio.Event
    stopping: asyncio.Event
    lanes: int = 32
    limit: float = 120.0
    longest: float = 30.0
    _busy: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def run(self) -> None:
        """Take turns until told to stop; then drain."""
        handlers = {(route.kind, route.name, route.part): route for route in self.routes}
        while not self.stopping.is_set():
            self.planned.clear()
            try:
                for product in self.dependencies.recovered():
                    await self.work.hurry(product)
                await self._take(handlers)
                wait = await self._until_due()
            except Unavailable as outage:
                self.dependencies.report(outage.product, str(outage))
                wait = outage.after
            with suppress(TimeoutError):
                await asyncio.wait_for(self.planned.wait(), wait)
        if self._busy:
            await asyncio.wait(self._busy.values(), timeout=_DRAIN)

    async def _take(self, handlers: Mapping[tuple[type[Event], str, str], Route[Any]]) -> None:
        """Start a turn in every due lane that is free."""
        free = self.lanes - len(self._busy)
        if free <= 0:
            return
        for work, event in await self.work.claim(tuple(self._busy), free):
            route = handlers.get((type(event), work.handler, work.part))
            task = asyncio.create_task(self._turn(route, work, event), name=work.handler)
            self._busy[work.lane] = task
            task.add_done_callback(self._freed)

    def _freed(self, turn: "asyncio.Task[None]") -> None:
        """Let the next row of a lane have its turn."""
        for lane in [lane for lane, task in self._busy.items() if task is turn]:
            del self._busy[lane]
        self.planned.set()

    async def _until_due(self) -> float:
        """Return how long nothing will fall due."""
        due = await self.work.next_due()
        if due is None:
            return _IDLE
        return min(max((due - self.clock.now()).total_seconds(), 0.005), _IDLE)

    async def _turn(self, route: Route[Any] | None, work: Work, event: Event) -> None:
        """Have one turn; whatever happens to it, the ledger knows."""
        began = time.monotonic()
        with log.about(event=event.kind, subject=event.head.subject, handler=work.handler):
            outcome = ""
            while not outcome:
                try:
                    outcome = await self._settled(route, work, event)
                except Unavailable as outage:
                    # The ledger itself: the row cannot even be put off, so hold on to it.
                    self.dependencies.report(outage.product, str(outage))
                    await self.clock.sleep(outage.after)
            log.say("handler.done", outcome=outcome, took=round(time.monotonic() - began, 3))

    async def _settled(self, route: Route[Any] | None, work: Work, event: Event) -> str:
        """Have the turn; a row whose outcome cannot be stored is dead, and its lane moves on."""
        try:
            return await self._act(route, work, event)
        except Unavailable:
            raise
        except Exception as bug:  # noqa: BLE001 - a fold or a value that cannot be stored
            log.failed("row.unsettled")
            reason = f"its outcome could not be stored: {type(bug).__name__}: {bug}"
            try:
                return await self._bury(work, reason)
            except Unavailable:
                raise
            except Exception:  # noqa: BLE001 - then at least without telling it
                await self.work.bury(work, reason, None)
                return f"dead: {reason}"

    async def _act(self, route: Route[Any] | None, work: Work, event: Event) -> str:
        """Call the handler and settle what came of it; return that in a word."""
        try:
            said = await self._call(route, event)
        except Suppressed as refusal:
            await self.work.settle(work, ())
            return f"suppressed: {refusal}"
        except NotYet as early:
            return await self._not_yet(work, early)
        except Terminal as end:
            return await self._bury(work, str(end))
        except Retryable as failure:
            if isinstance(failure, Unavailable):
                self.dependencies.report(failure.product, str(failure))
            return await self._again(work, failure)
        except Exception as bug:  # noqa: BLE001 - whatever a handler raises, its row is answered for
            log.failed("handler.raised")
            return await self._again(work, Retryable(f"{type(bug).__name__}: {bug}"))
        await self.work.settle(work, said)
        return ", ".join(one.kind for one in said) or "nothing to say"

    async def _call(self, route: Route[Any] | None, event: Event) -> Sequence[Event]:
        """Call the handler within its limit and check what it returns."""
        if route is None:
            raise Terminal("routes.py names no such handler for this event any more")
        try:
            async with asyncio.timeout(self.limit):
                said = await route.handler(event)
        except TimeoutError:
            raise Retryable(f"took longer than {self.limit:g} s") from None
        if not all(isinstance(one, Event) for one in said):
            raise Terminal(f"returned something that is not an event: {said!r}")
        return said

    async def _not_yet(self, work: Work, early: NotYet) -> str:
        """Put the row at its lane's tail, or give it up when its time is over."""
        now = self.clock.now()
        if now - work.recorded_at > timedelta(seconds=early.until):
            return await self._bury(work, f"waited {early.until:g} s in vain: {early}")
        until = now + timedelta(seconds=early.after)
        await self.work.postpone(work, until=until, error=str(early), tail=True, blamed=False)
        return f"not yet: {early}"

    async def _again(self, work: Work, failure: Retryable) -> str:
        """Hold the lane and try again later, or give the row up when its budget is spent."""
        if failure.blames and work.blamed + 1 >= _BUDGET:
            return await self._bury(work, f"{_BUDGET} tries failed, the last with: {failure}")
        wait = failure.after
        if failure.blames or isinstance(failure, Unavailable):
            wait = min(wait * 2.0 ** min(work.attempts, 16), max(self.longest, wait))
        until = self.clock.now() + timedelta(seconds=wait)
        await self.work.postpone(
            work, until=until, error=str(failure), tail=False, blamed=failure.blames
        )
        return f"again in {wait:.3g} s: {failure}"

    async def _bury(self, work: Work, reason: str) -> str:
        """Give the row up and say so."""
        told = WorkDied(
            head=WorkDied.heading(
                About(self.registry_id),
                f"{work.event_id}:{work.handler}:{work.part}",
                actor=SLUICE,
                cause=work.event_id,
            ),
            handler=work.handler,
            part=work.part,
            event_id=work.event_id,
            reason=reason,
        )
        await self.work.bury(work, reason, told)
        return f"dead: {reason}"
