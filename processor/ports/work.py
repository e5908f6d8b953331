"""Work rows, to take and to settle; and the counts that tell how things stand.

Place in the flow: `engine/ingest` and `engine/worker` hold `WorkQueue`; status, `/readyz` and
metrics hold `WorkReader`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from processor.events import Event
from processor.values.work import Stuck, Work, WorkState


@dataclass(frozen=True)
class Turn:
    """A handler's turn at an event, before it is a row."""

    handler: str
    part: str
    lane: str


Plan = Callable[[Event], Sequence[Turn]]
Share = tuple[str, str]
"""A handler and the part it acts for: what limits are about."""


@dataclass(frozen=True, kw_only=True)
class Room:
    """How many turns may begin now.

    `free` is how many of all handlers together, `most` how many each share may have at once,
    `taken` how many it has. A share that has none always gets one, so that nobody is kept out by
    others; one that `most` does not name (its route is gone) has its rows given up, one by one.
    """

    free: int
    most: Mapping[Share, int]
    taken: Mapping[Share, int]

    @property
    def busy(self) -> bool:
        """Tell whether anything runs."""
        return any(self.taken.values())

    def of(self, handler: str, part: str) -> int:
        """Return how many turns of one share may begin."""
        return self.most.get((handler, part), 1) - self.taken.get((handler, part), 0)


@dataclass(frozen=True)
class Claim:
    """Rows whose turns begin, each with its event; None: its error says why it cannot be read.

    `next_due` is when the next row falls due that is not due yet, None when nothing waits.
    """

    turns: Sequence[tuple[Work, Event | None]]
    next_due: datetime | None


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

    async def dispatch(self, plan: Plan, limit: int = 200) -> int:
        """Make work rows for placed events that have none yet, in order; return how many events.

        At most `limit`; when it is reached there may be more.
        """
        ...

    async def claim(self, room: Room) -> Claim:
        """Take the due heads of lanes as far as there is room, marking them running.

        A row that was running at SUSPECT ends of the whole process is taken alone: nothing else
        is, until nothing runs and it has had its turn.
        """
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


class WorkReader(Protocol):
    """How things stand."""

    async def summary(self) -> Summary:
        """Count."""
        ...

    async def stuck(self, model_key: str) -> Sequence[Stuck]:
        """Return a model's rows that do not go on: dead, dropped, waiting, or tried in vain.

        The newest first, at most 1,000.
        """
        ...

    async def rows(self, state: WorkState) -> Sequence[Stuck]:
        """Return the rows in a state, the newest first, at most 1,000."""
        ...
