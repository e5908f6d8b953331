"""What every outside write has in common.

Place in the flow: the three halves (registry, proposals, announcements) put their writes through
`converge` or `create`. Mode and pause are asked here and nowhere else, right before a write. A row
is `sending` on disk before the request leaves; a write that got no answer is `ambiguous`, and what
that means depends on whether a repeat is safe.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar

from processor.errors import NotSent, Paused, Retryable, Suppressed, Terminal, Unavailable
from processor.policy.mode import Mode, Modes, allows
from processor.ports.clock import Clock
from processor.ports.effect_log import Cause, EffectLog
from processor.ports.views import Views
from processor.values.effect import Effect
from processor.values.pause import EVERYTHING, Pause

T = TypeVar("T")

_NEEDS: Mapping[str, Mode] = {
    "announcement": "observe",
    "proposal.open": "propose",
    "proposal.close": "propose",
    "proposal.status": "propose",
    "proposal.comment": "propose",
    "proposal.merge": "full",
    "registry.mark": "full",
    "registry.register": "full",
}
_NEVER_PAUSED = ("announcement", "operations")  # kind of write, topic it follows from
_KEPT = 3600.0  # seconds that the end of a quiet window is remembered


def digest(*parts: str) -> str:
    """Return a short digest of a request, to tell two apart in the ledger."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class Door:
    """The modes, the pauses, the effects table, and the two ways through.

    Both ways raise Suppressed where the mode forbids the write, Paused while somebody has stopped
    it, and whatever the write raises. Until `doubtful_until` a request may land of which a
    restored ledger knows nothing (None: it was not restored); `attempts` are those it may have
    made, so that no name made from an attempt's number meets one of theirs.
    """

    effects: EffectLog
    views: Views
    clock: Clock
    modes: Modes
    doubtful_until: datetime | None = None
    attempts: int = 0
    _over: dict[str, float] = field(default_factory=dict, init=False, repr=False)

    async def converge(
        self, effect: Effect, send: Callable[[], Awaitable[str]], *, quiet: float
    ) -> str:
        """Make a write that may safely be repeated (compare-and-set, or sets a value).

        `quiet` is how many seconds a lost request of it may still land. Returns the result,
        also of an earlier attempt that is done.
        """
        stored = await self.effects.begin(effect)
        if stored.state == "done":
            return stored.result or ""
        return await self._send(await self._permitted(stored, effect), send, quiet, once=False)

    async def create(
        self,
        effect: Effect,
        send: Callable[[int], Awaitable[str]],
        look: Callable[[], Awaitable[str | None]],
        clear: Callable[[int], Awaitable[None]] | None = None,
        *,
        quiet: float,
        read: Callable[[str], T],
    ) -> T:
        """Make something that must exist once although the outside would make it twice.

        One attempt. On doubt: wait out the quiet window, `look` in all states and adopt; else
        `clear` what the old attempt left, which a late request of it would need and the next one
        may stumble over, look again, send anew. `send` and `clear` get the attempt's number, from
        1; `read` turns a result into what is returned and raises ValueError for one that cannot be.
        """
        stored = await self.effects.begin(effect)
        if stored.state == "done":
            return await self._done(stored, look, read)
        found = None
        if stored.state in {"sending", "ambiguous"}:
            await self._wait_out(stored, quiet)
            stored, found = replace(stored, state="ambiguous"), await look()
        elif self.doubtful_until is not None:
            _wait_for(self.doubtful_until - self.clock.now())
            found = await look()
        if found is None:
            spent = stored.attempt
            stored = await self._permitted(stored, effect)
            if clear is not None and spent:
                await clear(spent)
                found = await look()
        if found is not None:
            return await self._adopted(stored, found, read)
        if self.doubtful_until is not None:
            stored = replace(stored, attempt=max(stored.attempt, self.attempts))
        try:
            attempt = stored.attempt + 1
            result = await self._send(stored, lambda: send(attempt), quiet, once=True)
        except Terminal:
            # A refusal may well mean that it is there already.
            found = await look()
            if found is None:
                raise
            return await self._adopted(stored, found, read)
        return read(result)

    async def answered(self, effect: Effect, result: str) -> None:
        """Record that a write is done, and what came of it."""
        await self.effects.save(
            replace(effect, state="done", answered_at=self.clock.now(), result=result)
        )
        self._over.pop(effect.key, None)

    async def _permitted(self, stored: Effect, asked: Effect) -> Effect:
        """Return the row to send. Raises Suppressed or Paused.

        What was suppressed stays so for the event that asked for it; another event asks anew. One
        that may be on its way already stays in doubt.
        """
        cause = await self.effects.cause(asked.cause)
        mode = self.modes.of(cause.model_key)
        if not allows(mode, _NEEDS[stored.kind]):
            if stored.state == "todo":
                await self.effects.save(replace(stored, state="suppressed"))
            raise Suppressed(f"mode {mode} does not allow {stored.kind}")
        if stored.state == "suppressed":
            if stored.cause == asked.cause:
                raise Suppressed(f"{stored.kind} was asked for while the mode did not allow it")
            stored = replace(stored, state="todo", cause=asked.cause)
        await self._going_on(stored, cause)
        return stored

    async def _going_on(self, effect: Effect, cause: Cause) -> None:
        """Raise Paused while somebody has stopped such writes."""
        if (effect.kind, cause.topic) == _NEVER_PAUSED:
            return
        for pause in await self.views.find(Pause, state="open"):
            if pause.key in {EVERYTHING, cause.model_key}:
                raise Paused(pause.product, pause.problem)

    async def _send(
        self, stored: Effect, send: Callable[[], Awaitable[str]], quiet: float, *, once: bool
    ) -> str:
        """Send once; record before and after. `once` tells that a repeat would make it twice."""
        now = self.clock.now()
        sending = replace(
            stored,
            state="sending",
            attempt=stored.attempt + 1,
            sent_at=now,
            quiet_until=now + timedelta(seconds=quiet),
        )
        await self.effects.save(sending)
        try:
            result = await send()
        except (NotSent, Terminal):
            # What was in doubt before still is, and no more. But the attempt is spent: a write of
            # several requests may have left something before one was refused, or never left.
            await self.effects.save(replace(stored, attempt=sending.attempt))
            raise
        except BaseException:
            # Whatever else happens, a timeout of ours and a stop included, the request may be on
            # its way from here on. If even that cannot be stored, the row stays `sending`.
            if once:
                self._remember(sending.key, quiet)
            with suppress(Unavailable):
                await asyncio.shield(self._doubted(sending, quiet))
            raise
        await self.answered(sending, result)
        return result

    async def _doubted(self, effect: Effect, quiet: float) -> None:
        """Record that nobody knows whether a write was made; the quiet window begins now."""
        until = self.clock.now() + timedelta(seconds=quiet)
        await self.effects.save(replace(effect, state="ambiguous", quiet_until=until))

    def _remember(self, key: str, seconds: float) -> None:
        """Keep when a window is over; those that nobody asked for any more are forgotten."""
        now = self.clock.steady()
        for past in [one for one, end in self._over.items() if end + _KEPT < now]:
            del self._over[past]
        self._over[key] = now + seconds

    async def _wait_out(self, effect: Effect, quiet: float) -> None:
        """Leave the row alone until a late request of ours can no longer land.

        Counted in seconds that really pass: a clock that is set forward shortens nothing, one
        that is set back prolongs nothing.
        """
        if effect.state == "sending" or effect.quiet_until is None:
            # Its end could not be written down, so nobody knows since when it is out.
            self._remember(effect.key, quiet)
            await self._doubted(effect, quiet)
        elif effect.key not in self._over:
            left = (effect.quiet_until - self.clock.now()).total_seconds()
            self._remember(effect.key, min(left, quiet))
        _wait_for(timedelta(seconds=self._over[effect.key] - self.clock.steady()))

    async def _done(
        self, effect: Effect, look: Callable[[], Awaitable[str | None]], read: Callable[[str], T]
    ) -> T:
        """Return what a done write made; a result that cannot be read is looked up again."""
        try:
            return read(effect.result or "")
        except ValueError:
            found = await look()
        if found is None:
            raise Terminal(
                f"effect {effect.key} is done with result {effect.result!r}, which cannot be read, "
                "and the outside has nothing of it: ask for it anew"
            )
        return await self._adopted(effect, found, read)

    async def _adopted(self, effect: Effect, found: str, read: Callable[[str], T]) -> T:
        """Record that an earlier attempt's work was found."""
        await self.answered(effect, found)
        return read(found)


def _wait_for(window: timedelta) -> None:
    """Let the row come back when a quiet window is over."""
    left = window.total_seconds()
    if left > 0:
        raise Retryable(
            f"an earlier request got no answer; looking again in {left:.0f} s",
            after=left,
            blames=False,
        )
