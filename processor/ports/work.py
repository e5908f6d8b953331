"""Work rows, to take and to settle; and the counts that tell how things stand.

Place in the flow: `engine/ingest` and `engine/worker` hold `WorkQueue`; status, `/readyz` and
metrics hold `WorkReader`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from processor.events import Event
from processor.values.work import Work


@dataclass(frozen=True)
class Turn:
    """A handler's turn at an event, before it is a row."""

    handler: str
    part: str
    lane: str


Plan = Callable[[Event], Sequence[Turn]]


@dataclass(frozen=True)
class Summary:
    """How the ledger stands: counts by state, the last place, and the oldest row not yet done."""

    events: int
    pos: int
    undispatched: int
    work: dict[str, int]
    effects: dict[str, int]
    oldest_ready: datetime | None
    dead: tuple[Work, ...]
    waiting: tuple[Work, ...]


class WorkQueue(Protocol):
    """Lanes."""

    async def dispatch(self, plan: Plan) -> int:
        """Make work rows for every placed event that has none yet, in order; return how many."""
        ...

    async def claim(self, busy: Sequence[str], limit: int) -> Sequence[tuple[Work, Event]]:
        """Take the due heads of up to `limit` lanes not in `busy`, marking them running."""
        ...

    async def settle(self, work: Work, events: Sequence[Event]) -> None:
        """Append what the handler said and mark its row done, in one transaction."""
        ...

    async def postpone(
        self, work: Work, *, until: datetime, error: str, tail: bool, blamed: bool
    ) -> None:
        """Try again later: at the lane's head (it holds the lane), or at its tail.

        `blamed` spends one of the row's attempts.
        """
        ...

    async def bury(self, work: Work, reason: str, told: Event | None) -> None:
        """Give the row up and append the event that tells it (if any), in one transaction."""
        ...

    async def hurry(self, product: str) -> int:
        """Make the rows due that wait for a product which answers again; return how many."""
        ...

    async def next_due(self) -> datetime | None:
        """Return when the next row falls due, None when nothing waits."""
        ...


class WorkReader(Protocol):
    """How things stand."""

    async def summary(self) -> Summary:
        """Count."""
        ...
