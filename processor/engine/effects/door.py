"""What every outside write has in common.

Place in the flow: the three halves (registry, proposals, announcements) put their writes through
`converge` or `create`. A row is `sending` on disk before the request leaves; a write that got no
answer is `ambiguous`, and what that means depends on whether a repeat is safe.
"""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal

from processor.errors import Retryable, Suppressed, Unavailable
from processor.ports.clock import Clock
from processor.ports.effect_log import EffectLog
from processor.values.effect import Effect

Mode = Literal["observe", "propose", "full"]

_NEEDS: dict[str, Mode] = {
    "announcement": "observe",
    "proposal.open": "propose",
    "proposal.close": "propose",
    "proposal.status": "propose",
    "proposal.comment": "propose",
    "proposal.merge": "full",
    "registry.mark": "full",
    "registry.register": "full",
}
_RANK: dict[Mode, int] = {"observe": 0, "propose": 1, "full": 2}


def digest(*parts: str) -> str:
    """Return a short digest of a request, to tell two apart in the ledger."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class Door:
    """The mode, the effects table, and the two ways through."""

    effects: EffectLog
    clock: Clock
    mode: Mode

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
        await self._allow(stored)
        return await self._send(stored, send, quiet)

    async def create(
        self,
        effect: Effect,
        send: Callable[[int], Awaitable[str]],
        look: Callable[[], Awaitable[str | None]],
        clear: Callable[[int], Awaitable[None]] | None = None,
        *,
        quiet: float,
    ) -> str:
        """Make something that must exist once although the outside would make it twice.

        One attempt. On doubt: wait out the quiet window, `look` in all states and adopt; else
        `clear` what a late request of the old attempt would need, look again, send anew.
        `send` and `clear` get the attempt's number, from 1.
        """
        stored = await self.effects.begin(effect)
        if stored.state == "done":
            return stored.result or ""
        if stored.state in {"sending", "ambiguous"}:
            await self._wait_out(stored, quiet)
            found = await look()
            if found is None and clear is not None and self._allows(effect):
                await clear(stored.attempt)
                found = await look()
            if found is not None:
                await self.answered(stored, found)
                return found
        await self._allow(stored)
        attempt = stored.attempt + 1
        return await self._send(stored, lambda: send(attempt), quiet)

    def _allows(self, effect: Effect) -> bool:
        """Tell whether the mode allows such a write."""
        return _RANK[self.mode] >= _RANK[_NEEDS[effect.kind]]

    async def _allow(self, stored: Effect) -> None:
        """Refuse what the mode forbids; one that may be on its way already stays in doubt."""
        if self._allows(stored):
            return
        if stored.state == "todo":
            await self.effects.save(replace(stored, state="suppressed"))
        raise Suppressed(f"mode {self.mode} does not allow {stored.kind}")

    async def _send(self, effect: Effect, send: Callable[[], Awaitable[str]], quiet: float) -> str:
        """Send once; record before and after."""
        now = self.clock.now()
        sending = replace(
            effect,
            state="sending",
            attempt=effect.attempt + 1,
            sent_at=now,
            quiet_until=now + timedelta(seconds=quiet),
        )
        await self.effects.save(sending)
        try:
            result = await send()
        except Unavailable:
            until = self.clock.now() + timedelta(seconds=quiet)
            await self.effects.save(replace(sending, state="ambiguous", quiet_until=until))
            raise
        await self.answered(sending, result)
        return result

    async def answered(self, effect: Effect, result: str) -> None:
        """Record that a write is done, and what came of it."""
        await self.effects.save(
            replace(effect, state="done", answered_at=self.clock.now(), result=result)
        )

    async def _wait_out(self, effect: Effect, quiet: float) -> None:
        """Leave the row alone until a late request of ours can no longer land."""
        until = effect.quiet_until or self.clock.now() + timedelta(seconds=quiet)
        left = (until - self.clock.now()).total_seconds()
        if left > 0:
            raise Retryable(
                f"an earlier request got no answer; looking again in {left:.0f} s",
                after=left,
                blames=False,
            )
