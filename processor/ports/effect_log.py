"""The effects table.

Place in the flow: `engine/effects` alone writes it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from processor.values.effect import Effect


@dataclass(frozen=True)
class Cause:
    """The event a write follows from: which model it is about, and its topic."""

    model_key: str
    topic: str


class EffectLog(Protocol):
    """Remember a write before it is made, and what came of it."""

    async def begin(self, effect: Effect) -> Effect:
        """Store the effect if its key is new; return the stored one."""
        ...

    async def of_cause(self, cause: str) -> Sequence[Effect]:
        """Return the effects one event has led to, in the order of sending."""
        ...

    async def cause(self, event_id: str) -> Cause:
        """Return what is known of the event a write follows from; unknown: both empty."""
        ...

    async def save(self, effect: Effect) -> None:
        """Store what became of it (state, attempt, times, result)."""
        ...
