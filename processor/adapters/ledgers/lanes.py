"""Lanes: which row of each is the head, and how rows enter and leave.

Place in the flow: `dispatching`, `claiming`, `appending` and `dead` change where rows stand, and
all of them through here. A lane's head is its lowest place among ready and running rows; it is
marked, so that finding one costs the same however many wait behind it. At most one is marked per
lane: the table refuses a second.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, bindparam, func, literal_column, select, update

from processor.adapters.ledgers import schema
from processor.adapters.ledgers.prepared import Prepared
from processor.values.work import Work, WorkState

_work = schema.work

# Written out, not bound: a partial index is only used where its condition stands in the query.
RUNNING: ColumnElement[str] = literal_column("'running'")
HEAD = _work.c.head.is_(True)


@dataclass(frozen=True, kw_only=True)
class End:
    """What becomes of a row that ran; `due_at` is when it may run again, or when it ended."""

    work: Work
    state: WorkState
    due_at: datetime
    error: str = ""
    blamed: int = 0


def tail(connection: Connection) -> int:
    """Return the next place behind every row."""
    return (connection.execute(_LAST).scalar() or 0) + 1


def elect(connection: Connection, lanes: Iterable[str]) -> None:
    """Mark the heads of lanes that rows have entered or left; a head that stands keeps it."""
    chosen = [{"the_lane": lane} for lane in dict.fromkeys(lanes)]
    if chosen:
        _ELECT.many(connection, chosen)


def end(connection: Connection, ends: Sequence[End]) -> None:
    """End turns: what is still ready keeps its lane's head, anything else leaves the lane.

    A row that does not run (any more) is left as it is: a turn ends once. A turn that the process
    outlived clears the row of the crashes before it.
    """
    if not ends:
        return
    _END.many(
        connection,
        [
            {
                "the_id": one.work.id,
                "state": one.state,
                "head": one.state == "ready",
                "due_at": one.due_at,
                "error": one.error,
                "blamed": one.blamed,
                "crashes": one.work.crashes if one.state == "dead" else 0,
            }
            for one in ends
        ],
    )
    elect(connection, [one.work.lane for one in ends if one.state != "ready"])


def enter(connection: Connection, rows: Sequence[tuple[int, str]]) -> None:
    """Let rows (id, lane) that are in no lane enter theirs at the tail, in the order given."""
    if not rows:
        return
    place = tail(connection)
    _ENTER.many(
        connection,
        [{"the_id": row, "place": place + offset} for offset, (row, _) in enumerate(rows)],
    )
    elect(connection, [lane for _, lane in rows])


def mend(connection: Connection) -> None:
    """Mark every head anew: whatever wrote the file before, no lane is stuck for want of one."""
    open_lanes = connection.execute(_LANES).scalars().all()
    connection.execute(update(_work).where(HEAD).values(head=False))
    elect(connection, open_lanes)


_OPEN = _work.c.state.in_([literal_column("'ready'"), literal_column("'running'")])
_LAST = select(func.max(_work.c.place))
_LANES = select(_work.c.lane).where(_OPEN).distinct()
_first = _work.alias("first")
_ELECT = Prepared(
    update(_work)
    .where(
        _work.c.id
        == select(_first.c.id)
        .where(
            _first.c.lane == bindparam("the_lane"),
            _first.c.state.in_([literal_column("'ready'"), literal_column("'running'")]),
        )
        .order_by(_first.c.place)
        .limit(1)
        .scalar_subquery(),
        _work.c.head.is_(False),
    )
    .values(head=True)
)
_ENDED = ("state", "head", "due_at", "error", "blamed", "crashes")
_END = Prepared(
    update(_work)
    .where(_work.c.id == bindparam("the_id"), _work.c.state == "running")
    .values({name: bindparam(name) for name in _ENDED})
)
_ENTER = Prepared(
    update(_work)
    .where(_work.c.id == bindparam("the_id"))
    .values(state="ready", place=bindparam("place"))
)
