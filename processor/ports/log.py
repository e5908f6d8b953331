"""The event log: the truth.

Place in the flow: sources and commands append; handlers' events are appended by the worker's
settle; views, audit and `why` page it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from processor.events import Event
from processor.values.deadline import Deadline
from processor.values.effect import EffectClosing
from processor.values.snapshot import Snapshot


@dataclass(frozen=True)
class Recorded:
    """An event as the ledger holds it; `pos` and `hash` are None until the relay placed it.

    `at` is the event's own time where it has one, else `observed_at`.
    """

    event: Event
    observed_at: datetime
    at: datetime
    pos: int | None
    hash: str | None


@dataclass(frozen=True)
class Appended:
    """What an append did: ids that were new, and what it rested on and had moved on."""

    new: tuple[str, ...]
    missed: tuple[str, ...]


@dataclass(frozen=True)
class Sealed:
    """Older events that were exported and taken out of the ledger.

    They go up to the place `pos` and the moment `until`; `file` is the newest export. `views` are
    one model's rows as they stood then, by class and key: later events are folded behind them.
    """

    pos: int
    until: datetime
    file: str
    views: Mapping[type[Any], Mapping[str, Any]]


class EventLog(Protocol):
    """Append, and read back.

    Events of types this code does not know are left out; one of a known type that it cannot read
    (a newer program wrote it, or somebody changed it) is Terminal, naming it and the fix.
    """

    async def append(
        self,
        events: Sequence[Event],
        *,
        snapshot: Snapshot | None = None,
        closings: Sequence[EffectClosing] = (),
        waiting: Deadline | None = None,
    ) -> Appended:
        """Store events, the snapshot they follow from and the views folded from them, in one.

        `snapshot.revision` is the revision held before the outside was asked; when the stored
        one differs nothing of this call is kept and the subject is in `missed`. The same goes for
        `waiting`, the deadline the events tell: it may have been lifted or set anew meanwhile.
        Events already there (same source and id) change nothing.
        """
        ...

    async def get(self, event_id: str) -> Recorded | None:
        """Return one event by id."""
        ...

    async def present(self, ids: Sequence[str]) -> Sequence[Recorded]:
        """Return the events that have one of these ids, of whatever source."""
        ...

    async def lately(self, kind: type[Event], key: str, among: int) -> Sequence[Recorded]:
        """Return those of one type among the newest events of one model key, in ledger order."""
        ...

    async def of_key(self, key: str, until: datetime | None = None) -> Sequence[Recorded]:
        """Return the events of one model key (and its targets) in ledger order, up to a moment."""
        ...

    async def sealed(self, key: str) -> Sealed | None:
        """Return what became of events that are not kept any more, None while all are."""
        ...

    async def of_type(self, kind: type[Event], key: str) -> Sequence[Recorded]:
        """Return the events of one type about one model key, in ledger order."""
        ...

    async def page(self, after: int, limit: int) -> Sequence[Recorded]:
        """Return placed events with pos > `after`, in pos order."""
        ...
