"""One breaker per product: ask no more what does not answer, and know when it does again.

Place in the flow: `app` puts one in front of every reading and writing half (`guarded`). Handlers
and sources then fail at once instead of hanging one after the other, a few calls let through now
and then find out that the product is back, and `engine/dependencies` knows its state from here.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import ParamSpec, TypeVar, cast

from processor.errors import Forbidden, NotSent, Unavailable
from processor.ports.clock import Clock

P = TypeVar("P")
R = TypeVar("R")
A = ParamSpec("A")

_TOLERATED = 3  # calls in a row that may fail before it opens
_SOONEST, _LATEST = 1.0, 30.0  # seconds until one call is let through, doubled each time
_LONG = 60.0  # seconds a call let through may take until the next may find out as well


ENDS: ContextVar[float | None] = ContextVar("ends", default=None)
"""When the turn under way is stopped, by the loop's time; None: whenever it likes."""

_SHARE = 0.95  # of the time a turn has left, that one call may take
_FAIR = 5.0  # seconds a call must have had before its product is to blame for the end of a turn

LIMIT = 60.0
"""Seconds one call may take to a part that keeps no time itself."""


def _nothing() -> None:
    """Tell nobody."""


@dataclass(kw_only=True)
class Breaker:
    """What the last calls to one product came to.

    `changed` is called when that is news. `problem` is empty while the last call was answered.
    """

    product: str
    clock: Clock
    changed: Callable[[], None] = _nothing
    problem: str = field(default="", init=False)
    since: datetime | None = field(default=None, init=False)
    _failures: int = field(default=0, init=False)
    _wait: float = field(default=_SOONEST, init=False)
    _next: float = field(default=0.0, init=False)
    _probing: float | None = field(default=None, init=False)
    _heard: bool = field(default=False, init=False)

    @property
    def open(self) -> bool:
        """Tell whether calls are refused."""
        return self._failures >= _TOLERATED

    @property
    def to_probe(self) -> bool:
        """Tell whether a call now would find out something: it did not answer last."""
        return bool(self.problem) and (not self.open or self._left() <= 0)

    @property
    def state(self) -> str:
        """Return what is wrong in words, empty while it is not open."""
        if not self.open:
            return ""
        return f"{self.problem} (its breaker is open: one call every {self._wait:g} s at most)"

    def admit(self) -> bool:
        """Let a call through; return whether it is the probe. Raises NotSent while open."""
        if not self.open:
            return False
        left = self._left()
        if left > 0:
            since = f" since {self.since:%Y-%m-%d %H:%M:%S} UTC" if self.since else ""
            reason = f"not asked, it has not answered{since}: {self.problem}"
            raise NotSent(self.product, reason, after=left)
        self._probing = self.clock.steady()
        return True

    def failed(self, outage: Unavailable, *, probe: bool) -> None:
        """Take that it did not answer as it should; it is not asked before `outage.after`."""
        was_open = self.open
        self._failures += 1
        self.since = self.since or self.clock.now()
        self.problem = str(outage).removeprefix(f"{outage.product}: ")
        if probe:
            self._wait = min(self._wait * 2, _LATEST)
        if probe or not was_open:
            self._next = self.clock.steady() + max(self._wait, outage.after)
        if self.open:
            self.changed()

    def answered(self) -> None:
        """Take that it answered, whatever it said."""
        if self._heard and not self.problem:
            return
        self._heard = True
        self._failures, self._wait = 0, _SOONEST
        self.problem, self.since = "", None
        self.changed()

    def left_alone(self, *, probe: bool) -> None:
        """Take that a call is over; one that let nobody know anything was no probe."""
        if probe:
            self._probing = None

    def _left(self) -> float:
        """Return in how many seconds a call would be let through."""
        now = self.clock.steady()
        left = self._next - now
        out = self._probing is not None and now - self._probing < _LONG
        return max(left, _SOONEST) if out else left


def guarded(part: P, breaker: Breaker, *, limit: float | None = LIMIT) -> P:
    """Return the part with every async method behind the breaker, under the same type.

    `limit` is how many seconds one call may take; None is for a part that keeps the time of each
    request itself, and may make any number of them in one call.
    """
    return cast("P", _Guarded(part, breaker, limit))


class _Guarded:
    """Stands in front of a part of any type."""

    def __init__(self, part: object, breaker: Breaker, limit: float | None) -> None:
        self._part = part
        self._breaker = breaker
        self._limit = limit

    def __getattr__(self, name: str) -> object:
        found = getattr(self._part, name)
        if not inspect.iscoroutinefunction(found):
            return found
        return _behind(found, self._breaker, self._limit)


def _behind(
    method: Callable[A, Awaitable[R]], breaker: Breaker, limit: float | None
) -> Callable[A, Awaitable[R]]:
    """Return the method asked only while the breaker admits it, and its outcome told."""

    async def call(*args: A.args, **more: A.kwargs) -> R:
        return await _asked(lambda: method(*args, **more), breaker, limit)

    return call


async def _asked(ask: Callable[[], Awaitable[R]], breaker: Breaker, limit: float | None) -> R:
    """Return what the product says, and tell the breaker.

    Raises what it raises, an outage under the breaker's name; Unavailable when there is no answer
    in time, and NotSent when there was no time left for one.
    """
    patience, fair = _patience(breaker.product, limit)
    probe = breaker.admit()
    try:
        async with asyncio.timeout(patience):
            result = await ask()
    except TimeoutError:
        within = "in time" if patience is None else f"within {patience:.3g} s"
        late = Unavailable(breaker.product, f"gave no answer {within}")
        if fair:
            breaker.failed(late, probe=probe)
        raise late from None
    except Forbidden:
        breaker.answered()  # with a refusal of this one thing
        raise
    except Unavailable as outage:
        breaker.failed(outage, probe=probe)
        if outage.product == breaker.product:
            raise
        reason = str(outage).removeprefix(f"{outage.product}: ")
        raise Unavailable(breaker.product, reason, after=outage.after) from outage
    except Exception:
        breaker.answered()  # with a refusal, or with something nobody understands
        raise
    finally:
        breaker.left_alone(probe=probe)
    breaker.answered()
    return result


def _patience(product: str, limit: float | None) -> tuple[float | None, bool]:
    """Return how many seconds a call gets, and whether that is a fair time to answer in.

    The turn that waits for it may end sooner than the limit: then the call ends just before, so
    that its row is not to blame. Raises NotSent when the turn is over: nothing is in doubt then.
    """
    ends = ENDS.get()
    if ends is None:
        return limit, True
    left = (ends - asyncio.get_running_loop().time()) * _SHARE
    if left <= 0:
        raise NotSent(product, "not asked: the turn that would have is over")
    if limit is not None and limit <= left:
        return limit, True
    return left, left >= _FAIR
