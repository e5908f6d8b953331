"""The guards of the engine, to be taken off one at a time: what a drill's control runs without.

Each is a part of the ledger that looks like the real one; the program above it is unchanged.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from processor.adapters.ledgers import Ledger
from processor.events import Event
from processor.ports.work import Claim, Plan, Room, Turn
from processor.values.effect import Effect

Guard = Literal["", "memory", "settle", "lanes"]
"""Which guard is off: nothing, knowing what was sent, settling after acting, order."""


@dataclass(frozen=True)
class _Over:
    """A part that does what the real one does, but for what a subclass says."""

    real: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


class Forgetful(_Over):
    """An effects table that never knows what was sent before."""

    async def begin(self, effect: Effect) -> Effect:
        stored: Effect = await self.real.begin(effect)
        return replace(stored, state="todo", quiet_until=None)

    async def of_cause(self, _: str) -> Sequence[Effect]:
        return ()


class SettledFirst(_Over):
    """A queue whose rows are done before anybody has acted on them."""

    async def claim(self, room: Room) -> Claim:
        taken: Claim = await self.real.claim(room)
        for work, _ in taken.turns:
            await self.real.settle(work, ())
        return taken


class Laneless(_Over):
    """A queue in which every row is a lane of its own, and whoever comes takes any."""

    async def claim(self, room: Room) -> Claim:
        taken: Claim = await self.real.claim(room)
        return replace(taken, turns=random.sample(taken.turns, len(taken.turns)))

    async def dispatch(self, plan: Plan, limit: int = 200) -> int:
        def alone(event: Event) -> Sequence[Turn]:
            return [
                replace(turn, lane=f"{turn.lane}#{event.head.id}#{turn.handler}")
                for turn in plan(event)
            ]

        planned: int = await self.real.dispatch(alone, limit)
        return planned


def without(guard: Guard, ledger: Ledger) -> Ledger:
    """Return the ledger with one guard off."""
    effects: Any = ledger.effects
    work: Any = ledger.work
    match guard:
        case "memory":
            effects = Forgetful(effects)
        case "settle":
            work = SettledFirst(work)
        case "lanes":
            work = Laneless(work)
        case "":
            pass
    return replace(ledger, effects=effects, work=work)
