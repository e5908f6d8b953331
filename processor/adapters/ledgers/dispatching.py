"""From placed events to rows of work.

Place in the flow: `work.dispatch` runs it in one transaction: the rows, and the fact that the
event has them.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, select, update
from sqlalchemy.dialects.sqlite import insert

from processor.adapters.ledgers import lanes, recent, rows, schema
from processor.adapters.ledgers.prepared import Prepared
from processor.events import BY_TYPE, Event
from processor.ports.work import Plan, Turn

_event, _work = schema.event, schema.work


def dispatch(connection: Connection, plan: Plan, now: datetime, limit: int) -> int:
    """Plan turns for undispatched events of types this code knows; return how many events."""
    waiting = connection.execute(_WAITING, {"types": list(BY_TYPE), "most": limit}).all()
    if not waiting:
        return 0
    place = lanes.tail(connection)
    events = recent.events(connection, [(row.seq, row.hash) for row in waiting])
    planned: list[dict[str, object]] = []
    for row in waiting:
        turns, error = _turns(plan, events[row.seq], row.id)
        for turn in turns:
            planned.append(
                {
                    "event_seq": row.seq,
                    "handler": turn.handler,
                    "part": turn.part,
                    "lane": turn.lane,
                    "place": place + len(planned),
                    "state": "ready",
                    "head": False,
                    "attempts": 0,
                    "blamed": 0,
                    "crashes": 0,
                    "retried": 0,
                    "recorded_at": row.observed_at,
                    "due_at": now,
                    "error": error,
                }
            )
    if planned:
        _PLANNED.many(connection, planned)
        lanes.elect(connection, [str(one["lane"]) for one in planned])
    connection.execute(_DISPATCHED, {"seqs": [row.seq for row in waiting]})
    return len(waiting)


def _turns(plan: Plan, event: Event | Exception, event_id: str) -> tuple[Sequence[Turn], str]:
    """Return an event's turns; for one that cannot be read, a row that can only be given up."""
    if isinstance(event, Exception):
        problem = f"cannot be read: {event}"
    else:
        try:
            return plan(event), ""
        except Exception as bug:  # noqa: BLE001 - one route's bug must not stop every other event
            problem = f"cannot be planned: {type(bug).__name__}: {bug}"
    return [Turn(rows.DISPATCH, "", f"unreadable:{event_id}")], problem


_WAITING = (
    select(_event.c.seq, _event.c.id, _event.c.hash, _event.c.observed_at)
    .where(
        schema.UNDISPATCHED,
        _event.c.pos.is_not(None),
        _event.c.type.in_(bindparam("types", expanding=True)),
    )
    .order_by(_event.c.pos)
    .limit(bindparam("most"))
)
_PLANNED = Prepared(
    insert(_work).on_conflict_do_nothing(),
    tuple(column.name for column in _work.c if column.name != "id"),
)
_DISPATCHED = (
    update(_event)
    .where(_event.c.seq.in_(bindparam("seqs", expanding=True)))
    .values(dispatched=True)
)
