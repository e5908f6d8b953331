"""Which rows have their turns now.

Place in the flow: `work.claim` runs it in one transaction: due waiting rows come back, due heads
are taken and marked running. Heads are looked up for each (handler, part) by itself, so that one
at its limit hides nobody else's, however many rows it has.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    ScalarSelect,
    Select,
    bindparam,
    func,
    literal_column,
    select,
    union_all,
    update,
)

from processor.adapters.ledgers import lanes, recent, rows, schema
from processor.events import Event
from processor.ports.work import Claim, Room
from processor.values.work import CONDEMNED, SUSPECT, Work

_event, _work = schema.event, schema.work


def claim(connection: Connection, room: Room, now: datetime) -> Claim:
    """Take due heads as far as there is room, the longest due first; mark them running."""
    back = connection.execute(_BACK, {"now": now}).all()
    lanes.enter(connection, [(row.id, row.lane) for row in back])
    due = _due(connection, room, now)
    suspects = [row for row in due if SUSPECT <= row.crashes < CONDEMNED]
    chosen = _alone(suspects, room) if suspects else _fair(due, room)
    if chosen:
        connection.execute(_TAKE, {"ids": [row.id for row in chosen]})
    return Claim(_turns(connection, chosen), _next_due(connection, now))


def _due(connection: Connection, room: Room, now: datetime) -> Sequence[Row[Any]]:
    """Return due heads of every (handler, part) that has room, the longest due first."""
    found: list[Row[Any]] = []
    for handler, part in connection.execute(_PAIRS).all():
        most = room.of(handler, part)
        if most > 0:
            heads = {"the_handler": handler, "the_part": part, "now": now, "most": most}
            found += connection.execute(_HEADS, heads).all()
    return sorted(found, key=lambda row: (row.due_at, row.place))


def _alone(suspects: Sequence[Row[Any]], room: Room) -> Sequence[Row[Any]]:
    """Return the one that runs alone, as soon as nothing else does."""
    return [] if room.busy else suspects[:1]


def _fair(due: Iterable[Row[Any]], room: Room) -> Sequence[Row[Any]]:
    """Return what fits; a (handler, part) without any turn gets one, however full it is."""
    chosen: list[Row[Any]] = []
    served = {pair for pair, turns in room.taken.items() if turns}
    for row in due:
        pair = (row.handler, row.part)
        if len(chosen) < room.free or pair not in served:
            chosen.append(row)
            served.add(pair)
    return chosen


def _turns(
    connection: Connection, chosen: Sequence[Row[Any]]
) -> Sequence[tuple[Work, Event | None]]:
    """Return rows with their events."""
    if not chosen:
        return []
    events = recent.events(connection, [(row.event_seq, row.hash) for row in chosen])
    return [_turn(row, events[row.event_seq]) for row in chosen]


def _turn(row: Row[Any], event: Event | Exception) -> tuple[Work, Event | None]:
    """Return a row and its event; without it, why it cannot be read."""
    work = rows.work_of(row, row.event_id)
    if row.handler == rows.DISPATCH:
        return work, None
    if isinstance(event, Event):
        return work, event
    return replace(work, error=f"cannot be read: {event}"), None


def _next_due(connection: Connection, now: datetime) -> datetime | None:
    """Return when the next row falls due that is not due yet."""
    soonest: datetime | None = connection.execute(_NEXT, {"now": now}).scalar()
    return soonest


def _next_of(state: str) -> Select[tuple[datetime]]:
    """Return the query for the next moment of one state: one look into the index."""
    return select(func.min(_work.c.due_at).label("at")).where(
        _work.c.state == literal_column(f"'{state}'"), _work.c.due_at > bindparam("now")
    )


_BACK = (
    select(_work.c.id, _work.c.lane)
    .where(_work.c.state == "waiting", _work.c.due_at <= bindparam("now"))
    .order_by(_work.c.due_at, _work.c.place)
)

# A head is ready or running. Asked this way SQLite takes the index of heads alone, and hops from
# one (handler, part) to the next: as many steps as there are of those, not as there are rows.
_one, _next = _work.alias("one"), _work.alias("next")
_first = (
    select(_work.c.handler, _work.c.part)
    .where(lanes.HEAD, _work.c.state != lanes.RUNNING)
    .order_by(_work.c.handler, _work.c.part)
    .limit(1)
    .subquery()
)
_pairs = select(_first.c.handler, _first.c.part).cte("pairs", recursive=True)


def _behind(*those: ColumnElement[bool]) -> ScalarSelect[int]:
    """Return the query for the first head among those."""
    return (
        select(_next.c.id)
        .where(_next.c.head.is_(True), _next.c.state != lanes.RUNNING, *those)
        .order_by(_next.c.handler, _next.c.part)
        .limit(1)
        .scalar_subquery()
    )


_PAIRS = select(
    _pairs.union_all(
        select(_one.c.handler, _one.c.part).join(
            _pairs,
            _one.c.id
            == func.coalesce(
                _behind(_next.c.handler == _pairs.c.handler, _next.c.part > _pairs.c.part),
                _behind(_next.c.handler > _pairs.c.handler),
            ),
        )
    )
)
_HEADS = (
    select(_work, _event.c.id.label("event_id"), _event.c.hash)
    .join(_event, _event.c.seq == _work.c.event_seq)
    .where(
        lanes.HEAD,
        _work.c.state != lanes.RUNNING,
        _work.c.handler == bindparam("the_handler"),
        _work.c.part == bindparam("the_part"),
        _work.c.due_at <= bindparam("now"),
    )
    .order_by(_work.c.due_at, _work.c.place)
    .limit(bindparam("most"))
)
_TAKE = (
    update(_work)
    .where(_work.c.id.in_(bindparam("ids", expanding=True)))
    .values(state="running", attempts=_work.c.attempts + 1)
)
_soonest = union_all(_next_of("ready"), _next_of("waiting")).subquery()
_NEXT = select(func.min(_soonest.c.at))
