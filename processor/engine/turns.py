"""One row's turn, and what becomes of it.

Place in the flow: the worker starts one per lane; it calls the handler and settles what that
returns with the row in one transaction. It alone decides what becomes of a failure: an outage
holds the lane and blames nobody, an answer that blames the row spends its budget, then the row
is dead, told once, and the lane moves on.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from processor import log
from processor.engine.calling import call
from processor.engine.tries import Tries
from processor.errors import NotYet, Retryable, Suppressed, Terminal, Unavailable
from processor.events import Event, WorkDied
from processor.ports.clock import Clock
from processor.ports.dependencies import Dependencies
from processor.ports.route import Route
from processor.ports.work import WorkQueue
from processor.values.about import About
from processor.values.principal import SLUICE
from processor.values.work import CONDEMNED, SUSPECT, Work

_BUDGET = 6  # answers that may blame a row before it is dead
_AGAIN = 10.0  # seconds until a turn that broke off is had again

_Ending = tuple[str, Callable[[], Awaitable[None]]]
"""What became of a row in a few words, and how the ledger is told."""


@dataclass(frozen=True, kw_only=True)
class Turns:
    """Has turns; `tries` is what those before have come to."""

    registry_id: str
    work: WorkQueue
    clock: Clock
    dependencies: Dependencies
    tries: Tries

    async def have(
        self,
        route: Route[Any] | None,
        work: Work,
        event: Event | None,
        acted: Callable[[Work], None],
    ) -> None:
        """Have one turn; whatever happens to it, the ledger knows.

        `acted` is called when the handler has answered and the ledger is about to be told: what
        is asked of it from then on, it answers with that done. A turn that breaks off where none
        should is had again.
        """
        try:
            await self._had(route, work, event, acted)
        except Exception as bug:  # noqa: BLE001 - its row would run for ever, and its lane stand
            log.failed("turn.broke.off", row=work.id, handler=work.handler)
            await self._released(work, f"its turn broke off: {_named(bug)}")

    async def _had(
        self,
        route: Route[Any] | None,
        work: Work,
        event: Event | None,
        acted: Callable[[Work], None],
    ) -> None:
        """Have one turn and tell the ledger."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        subject = event.head.subject if event else work.event_id
        with log.about(
            event=event.kind if event else "unreadable", subject=subject, handler=work.handler
        ):
            ending = await self._act(route, work, event)
            outcome = await self._end(work, ending, partial(acted, work))
            log.say("handler.done", outcome=outcome, took=round(loop.time() - began, 3))

    async def put_back(self, work: Work) -> None:
        """Make a row whose turn was cut off ready again: it counts as a turn, not as a failure."""
        try:
            await self.work.postpone(
                work, until=work.due_at, error=work.error, tail=False, blamed=False
            )
        except Exception:  # noqa: BLE001 - the next start finds it running, and makes it ready
            log.failed("row.not.put.back")

    async def _released(self, work: Work, error: str) -> None:
        """Let the lane of a turn that broke off have it again, as soon as the ledger takes it."""
        while True:
            try:
                until = self.clock.now() + timedelta(seconds=_AGAIN)
                await self.work.postpone(work, until=until, error=error, tail=False, blamed=False)
            except Exception:  # noqa: BLE001 - whatever it is, the row must not run for ever
                log.failed("row.not.put.back")
                await self.clock.sleep(_AGAIN)
            else:
                return

    async def _end(self, work: Work, ending: _Ending, acted: Callable[[], None]) -> str:
        """Tell the ledger; a row whose outcome cannot be stored is dead, and its lane moves on."""
        outcome, told = ending
        try:
            await self._stored(told, acted)
        except Exception as bug:  # noqa: BLE001 - a fold or a value that cannot be stored
            log.failed("row.unsettled")
            reason = f"its outcome could not be stored: {_named(bug)}"
            outcome, told = self._bury(work, f"{reason}; {_mended(work)}")
            try:
                await self._stored(told, acted)
            except Exception:  # noqa: BLE001 - then at least without telling it
                await self._stored(lambda: self.work.bury(work, reason, None), acted)
        return outcome

    async def _stored(self, told: Callable[[], Awaitable[None]], acted: Callable[[], None]) -> None:
        """Tell the ledger as soon as it can be told; what was done is not done again for it."""
        troubled = ""
        while True:
            acted()
            try:
                await told()
            except Unavailable as outage:
                troubled = outage.product
                self.dependencies.report(troubled, str(outage))
                await self.clock.sleep(outage.after)
            else:
                if troubled:
                    self.dependencies.report(troubled)
                return

    async def _act(self, route: Route[Any] | None, work: Work, event: Event | None) -> _Ending:
        """Call the handler; return what became of the row."""
        try:
            said = await self._called(route, work, event)
        except Suppressed as refusal:
            self._answered(work, ended=True)
            return f"suppressed: {refusal}", lambda: self.work.settle(work, ())
        except NotYet as early:
            return self._not_yet(work, early)
        except Terminal as end:
            return self._bury(work, str(end))
        except Retryable as failure:
            if isinstance(failure, Unavailable):
                self.dependencies.report(failure.product, str(failure))
            return self._again(work, failure)
        except Exception as bug:  # noqa: BLE001 - whatever a handler raises, its row is answered for
            log.failed("handler.raised")
            return self._again(work, Retryable(f"handler {work.handler} raised {_named(bug)}"))
        words = ", ".join(one.kind for one in said) or "nothing to say"
        self._answered(work, ended=True)
        return words, lambda: self.work.settle(work, said)

    def _answered(self, work: Work, *, ended: bool) -> None:
        """Remember that no outage ended the turn; whom no row waits for any more, is well.

        Nobody else may ask it: of a part without a breaker only the rows know how it is.
        """
        for product in self.tries.answered(work, ended=ended):
            self.dependencies.report(product)

    async def _called(
        self, route: Route[Any] | None, work: Work, event: Event | None
    ) -> Sequence[Event]:
        """Call the handler, unless there is nothing to be called or no more sense in it."""
        if event is None:
            raise Terminal(work.error)
        if route is None:
            raise Terminal(_unrouted(work, event))
        if work.crashes >= CONDEMNED:
            raise Terminal(
                f"the whole process ended {work.crashes} times while handler {work.handler} had "
                f"this row, {work.crashes - SUSPECT} times with nothing else running: it crashes, "
                f"or eats all memory (the system's log knows); {_mended(work)}"
            )
        return await call(route, event)

    def _not_yet(self, work: Work, early: NotYet) -> _Ending:
        """Put the row at its lane's tail, or give it up when its time is over."""
        state = self.dependencies.states().get(early.product)
        if self.tries.in_vain(work, early, blind=state is not None and bool(state.problem)):
            return self._bury(work, f"waited {early.until:g} s in vain: {early}; {_mended(work)}")
        self._answered(work, ended=False)
        until = self.clock.now() + timedelta(seconds=early.after)
        return f"not yet: {early}", lambda: self.work.postpone(
            work, until=until, error=str(early), tail=True, blamed=False
        )

    def _again(self, work: Work, failure: Retryable) -> _Ending:
        """Hold the lane and try again later, or give the row up when its budget is spent."""
        if failure.blames and work.blamed + 1 >= _BUDGET:
            last = f"{_BUDGET} tries failed, the last with: {failure}"
            return self._bury(work, f"{last}; {_mended(work)}")
        wait = self.tries.failed(work, failure)
        until = self.clock.now() + timedelta(seconds=wait)
        return f"again in {wait:.3g} s: {failure}", lambda: self.work.postpone(
            work, until=until, error=str(failure), tail=False, blamed=failure.blames
        )

    def _bury(self, work: Work, reason: str) -> _Ending:
        """Give the row up and say so."""
        self._answered(work, ended=True)
        told = WorkDied(
            head=WorkDied.heading(
                About(self.registry_id),
                # a row that a person put back may die again, and that is another fact
                f"{work.event_id}:{work.handler}:{work.part}"
                + (f":{work.retried}" if work.retried else ""),
                actor=SLUICE,
                cause=work.event_id,
            ),
            handler=work.handler,
            part=work.part,
            event_id=work.event_id,
            reason=reason,
        )
        return f"dead: {reason}", lambda: self.work.bury(work, reason, told)


def _named(bug: BaseException) -> str:
    """Return an exception in words that can be stored; out of memory has none of its own."""
    words = f"{type(bug).__name__}: {bug}" if str(bug) else type(bug).__name__
    return words.encode("utf-8", "replace").decode()


def _unrouted(work: Work, event: Event) -> str:
    """Return why nobody is called for a row; a part is a target or an endpoint that was there."""
    if work.part:
        return (
            f"nothing is called {work.part!r} any more for which handler {work.handler} acts on "
            f"{event.kind}: put that target (in its policy) or endpoint (under `notify:`) back and "
            f"`sluice dead retry {work.id}`, or {_lay_aside(work)}"
        )
    return (
        f"routes.py names no handler {work.handler} for {event.kind} any more: run the program "
        f"that did, or {_lay_aside(work)}"
    )


def _mended(work: Work) -> str:
    """Return what a person does with a dead row."""
    return f"once that is mended, `sluice dead retry {work.id}`; or {_lay_aside(work)}"


def _lay_aside(work: Work) -> str:
    return f"`sluice dead drop {work.id}` lays it aside"
