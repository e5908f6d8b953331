"""Has a look not gone well for far longer than it should?

Place in the flow: `sources/stalls` asks about every look and remembers the answer.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from processor.values.look import LookState

_INTERVALS = 10  # without a look that went well
_AT_LEAST = timedelta(minutes=5)


@dataclass(frozen=True)
class Trouble:
    """Since when a look has not gone well, and whether that was told."""

    since: datetime
    told: bool = False


def trouble(state: LookState, before: Trouble | None, now: datetime) -> Trouble | None:
    """Return how it stands with a look; None while it goes well.

    `before` is what was remembered, perhaps by a process that is gone: until this one has looked
    for itself that stands. The answer is told exactly when it is so for the first time.
    """
    patience = patience_with(state)
    hangs = state.out > patience.total_seconds()
    if not state.problem and not hangs:
        return before if state.well is None else None
    since = before.since if before else state.well or state.first
    return Trouble(since, (before is not None and before.told) or now - since >= patience)


def patience_with(state: LookState) -> timedelta:
    """Return how long a look may do without going well."""
    return max(_INTERVALS * timedelta(seconds=state.interval), _AT_LEAST)


def reason_of(state: LookState) -> str:
    """Return what keeps it from going well."""
    return state.problem or f"a look that began {state.out:.0f} s ago has not ended"
