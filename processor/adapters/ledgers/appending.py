"""What an append does inside its transaction: store, fold, close, end a row of work.

Place in the flow: `log.append` and everything that becomes of a row (`work.settle`, `bury`,
`postpone`) is an entry, so that what was seen, what is said about it, the views folded from it
and the row it came from are one. Entries of many callers share their statements.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, select, union_all, update
from sqlalchemy.dialects.sqlite import insert

from processor.adapters.ledgers import lanes, rows, schema
from processor.adapters.ledgers.folding import fold
from processor.adapters.ledgers.prepared import Prepared
from processor.events import Event
from processor.ports.log import Appended
from processor.values.deadline import Deadline
from processor.values.effect import EffectClosing
from processor.values.snapshot import Snapshot

_event, _effect = schema.event, schema.effect
_Fact = tuple[str, str]
"""An event's source and id."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What one caller wants stored at `now`, all of it or nothing.

    `snapshot` and `waiting` are what the events rest on, as it was when they were found; `end` is
    the row of work they come from, and what becomes of it.
    """

    now: datetime
    events: Sequence[Event]
    snapshot: Snapshot | None = None
    closings: Sequence[EffectClosing] = ()
    waiting: Deadline | None = None
    end: lanes.End | None = None


def append(connection: Connection, now: datetime, events: Sequence[Event]) -> Appended:
    """Store what is new of `events`."""
    return enter(connection, [Entry(now=now, events=events)])[0]


def enter(connection: Connection, entries: Sequence[Entry]) -> list[Appended]:
    """Store entries as if one after the other; say of each what was new, or what it missed."""
    done: list[Appended] = []
    for some in _runs(entries):
        done += _entered(connection, some)
    return done


def _runs(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Cut before each entry that rests on a view: what went before must be folded by then."""
    run: list[Entry] = []
    for entry in entries:
        if entry.waiting is not None and run:
            yield run
            run = []
        run.append(entry)
    if run:
        yield run


def _entered(connection: Connection, entries: Sequence[Entry]) -> list[Appended]:
    """Store entries of which at most the first rests on a view."""
    missed = [_missed(connection, entry) for entry in entries]
    kept = [entry for entry, lost in zip(entries, missed, strict=True) if not lost]
    new = _stored(connection, kept)
    fold(connection, [(event, event.head.time or entry.now) for entry, event in new])
    closed = [closing for entry in kept for closing in entry.closings]
    if closed:
        _CLOSE.many(connection, [{"the_key": one.key, "closing": one.closing} for one in closed])
    lanes.end(connection, [entry.end for entry in kept if entry.end is not None])
    ids: dict[int, list[str]] = {}
    for entry, event in new:
        ids.setdefault(id(entry), []).append(event.head.id)
    return [
        Appended(tuple(ids.get(id(entry), ())), lost)
        for entry, lost in zip(entries, missed, strict=True)
    ]


def _missed(connection: Connection, entry: Entry) -> tuple[str, ...]:
    """Return what an entry rested on and has moved on; move its snapshot otherwise."""
    if entry.waiting is not None and not _waits(connection, entry.waiting):
        return (entry.waiting.key,)
    if entry.snapshot is not None and not _moved(connection, entry.snapshot):
        return (entry.snapshot.subject,)
    return ()


def _stored(connection: Connection, entries: Sequence[Entry]) -> list[tuple[Entry, Event]]:
    """Insert the events whose (source, id) was never there; return them, in order."""
    said = [(entry, event) for entry in entries for event in entry.events]
    if not said:
        return []
    once: dict[_Fact, tuple[Entry, Event]] = {}
    for entry, event in said:
        once.setdefault((event.head.source, event.head.id), (entry, event))
    known = _known(connection, list(once))
    new = [one for fact, one in once.items() if fact not in known]
    _INSERT.many(
        connection,
        [
            rows.event_columns(event) | {"observed_at": entry.now, "dispatched": False}
            for entry, event in new
        ],
    )
    return new


def _known(connection: Connection, facts: Sequence[_Fact]) -> set[_Fact]:
    """Return which of these are stored, or were exported and removed: a repeat is no news."""
    sources, ids = {source for source, _ in facts}, [one for _, one in facts]
    found = connection.execute(_KNOWN, {"sources": list(sources), "ids": ids})
    return {(row.source, row.id) for row in found}


def _waits(connection: Connection, deadline: Deadline) -> bool:
    """Tell whether a deadline still stands as it was read."""
    table = schema.views[Deadline]
    stored = connection.execute(select(table.c.data).where(table.c.key == deadline.key)).scalar()
    return stored is not None and rows.adapter(Deadline).validate_json(stored) == deadline


def _moved(connection: Connection, snapshot: Snapshot) -> bool:
    """Move a snapshot by compare-and-set; False when somebody was quicker."""
    table = schema.snapshot
    stored = connection.execute(
        select(table.c.revision).where(table.c.subject == snapshot.subject)
    ).scalar()
    if (stored or 0) != snapshot.revision:
        return False
    values = {"revision": snapshot.revision + 1, "data": snapshot.data}
    connection.execute(
        insert(table)
        .values(subject=snapshot.subject, **values)
        .on_conflict_do_update(index_elements=["subject"], set_=values)
    )
    return True


_EVENT_COLUMNS = (
    *("id", "source", "type", "subject", "key", "model_key", "time", "actor", "assurance"),
    *("cause", "trace", "data", "observed_at", "dispatched"),
)
_INSERT = Prepared(insert(_event), _EVENT_COLUMNS)
_KNOWN = union_all(
    *(
        select(table.c.source, table.c.id).where(
            table.c.source.in_(bindparam("sources", expanding=True)),
            table.c.id.in_(bindparam("ids", expanding=True)),
        )
        for table in (_event, schema.sealed)
    )
)
_CLOSE = Prepared(
    update(_effect)
    .where(_effect.c.key == bindparam("the_key"), _effect.c.closed.is_(None))
    .values(closed=bindparam("closing"))
)
