"""The tables.

Place in the flow: every part of the ledger reads and writes these; `revisions/` makes them.
Moments are fixed-width UTC text, so that they sort; JSON is text; nothing updates an event's data.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache

from sqlalchemy import (
    Boolean,
    Column,
    Dialect,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    and_,
    false,
    literal_column,
)

from processor.rules.history import VIEWS
from processor.values.deadline import Deadline

HEAD = "0002"
"""The newest Alembic revision this code knows."""

metadata = MetaData()


@lru_cache(maxsize=256)  # rows that are written together have their moment in common
def _written(moment: datetime | None) -> str | None:
    """Write microseconds always, so that text order is time order."""
    if moment is None:
        return None
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


class Moment(TypeDecorator[datetime]):
    """An aware datetime as fixed-width UTC text."""

    impl = String(27)
    cache_ok = True

    # SQLAlchemy calls it by position; pyright wants the parameter's name in the type.
    def bind_processor(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        dialect: Dialect,  # noqa: ARG002
    ) -> Callable[[datetime | None], str | None]:
        """Write it without the steps of a decorator: every row of the ledger has two of them."""
        return _written

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Read it back, aware."""
        return None if value is None else datetime.fromisoformat(value)


meta = Table(
    "meta",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", Text, nullable=False),
)

event = Table(
    "event",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("id", String, nullable=False),
    Column("source", String, nullable=False),
    Column("type", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("key", String, nullable=False),
    Column("model_key", String, nullable=False),
    Column("time", Moment),
    Column("observed_at", Moment, nullable=False),
    Column("actor", String, nullable=False),
    Column("assurance", String, nullable=False),
    Column("cause", String),
    Column("trace", String),
    Column("data", Text, nullable=False),
    Column("pos", Integer, unique=True),
    Column("hash", String(64)),
    Column("dispatched", Boolean, nullable=False, default=False),
    UniqueConstraint("source", "id"),
    Index("event_by_model", "model_key", "seq"),
    Index("event_by_type", "model_key", "type", "seq"),
    Index("event_by_id", "id"),
    sqlite_autoincrement=True,
)
Index("event_unplaced", event.c.seq, sqlite_where=event.c.pos.is_(None))
# SQLite takes a partial index only where its condition stands in the query, word for word.
UNDISPATCHED = event.c.dispatched == false()
Index("event_undispatched", event.c.pos, sqlite_where=UNDISPATCHED)

work = Table(
    "work",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("event_seq", Integer, nullable=False),
    Column("handler", String, nullable=False),
    Column("part", String, nullable=False),
    Column("lane", String, nullable=False),
    Column("place", Integer, nullable=False),
    Column("state", String, nullable=False),
    Column("head", Boolean, nullable=False, default=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("blamed", Integer, nullable=False, default=0),
    Column("crashes", Integer, nullable=False, default=0),
    Column("retried", Integer, nullable=False, default=0),
    Column("recorded_at", Moment, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("error", Text, nullable=False, default=""),
    UniqueConstraint("event_seq", "handler", "part"),
    sqlite_autoincrement=True,
)
Index("work_by_place", work.c.place)
Index("work_open", work.c.lane, work.c.place, sqlite_where=work.c.state.in_(["ready", "running"]))
Index("work_by_state", work.c.state, work.c.due_at)
Index("work_head", work.c.lane, unique=True, sqlite_where=work.c.head.is_(True))
Index(
    "work_claimable",
    work.c.handler,
    work.c.part,
    work.c.due_at,
    work.c.place,
    sqlite_where=and_(work.c.head.is_(True), work.c.state != "running"),
)

effect = Table(
    "effect",
    metadata,
    Column("key", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("field", String, nullable=False),
    Column("old", Text, nullable=False, default=""),
    Column("new", Text, nullable=False),
    Column("digest", String, nullable=False),
    Column("cause", String, nullable=False),
    Column("state", String, nullable=False),
    Column("attempt", Integer, nullable=False, default=0),
    Column("sent_at", Moment),
    Column("answered_at", Moment),
    Column("quiet_until", Moment),
    Column("closed", String),
    Column("result", Text),
)
Index("effect_by_cause", effect.c.cause)
Index("effect_by_state", effect.c.state)
OPEN_EFFECT = and_(
    effect.c.closed.is_(None),
    effect.c.field != literal_column("''"),
    effect.c.state != literal_column("'suppressed'"),
    effect.c.state != literal_column("'todo'"),
)
"""What a source may yet see: not what was never sent, nor what nobody reads back."""
Index("effect_open", effect.c.subject, sqlite_where=OPEN_EFFECT)

sealed = Table(
    "sealed",
    metadata,
    Column("source", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("pos", Integer, nullable=False, unique=True),
    Column("hash", String(64), nullable=False),
)
"""Events that were exported and removed: enough to know a repeat, and to keep the chain whole."""

seal = Table(
    "seal",
    metadata,
    Column("last_pos", Integer, primary_key=True, autoincrement=False),
    Column("first_pos", Integer, nullable=False),
    Column("until", Moment, nullable=False),
    Column("file", String, nullable=False),
    Column("digest", String(64), nullable=False),
)
"""The exports: which places each file holds, the newest moment among them, the file's sha256."""

checkpoint = Table(
    "checkpoint",
    metadata,
    Column("n", Integer, primary_key=True, autoincrement=True),
    Column("view", String, nullable=False),
    Column("key", String, nullable=False),
    Column("model", String, nullable=False, index=True),
    Column("data", Text, nullable=False),
    UniqueConstraint("view", "key"),
    sqlite_autoincrement=True,
)
"""Every view row as it stood behind the last sealed event: what a refold begins from."""

snapshot = Table(
    "snapshot",
    metadata,
    Column("subject", String, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("data", Text),
)

wakeup = Table(
    "wakeup",
    metadata,
    Column("n", Integer, primary_key=True, autoincrement=True),
    Column("source", String, nullable=False),
    Column("delivery", String, nullable=False),
    Column("model", String, nullable=False),
    Column("number", String, nullable=False),
    Column("at", Moment, nullable=False),
    Column("done", Boolean, nullable=False, default=False),
    UniqueConstraint("source", "delivery"),
    sqlite_autoincrement=True,
)
"""What hooks said may have changed; a hint each, and never a fact."""
Index("wakeup_waiting", wakeup.c.source, wakeup.c.n, sqlite_where=wakeup.c.done.is_(False))
Index("wakeup_done", wakeup.c.at, sqlite_where=wakeup.c.done.is_(True))

views: dict[type, Table] = {
    view.row: Table(
        f"view_{view.name}",
        metadata,
        Column("n", Integer, primary_key=True, autoincrement=True),
        Column("key", String, nullable=False, unique=True),
        Column("model", String, nullable=False, index=True),
        Column("slot", String, nullable=False, index=True),
        Column("state", String, nullable=False, index=True),
        Column("data", Text, nullable=False),
        sqlite_autoincrement=True,
    )
    for view in VIEWS
}
_deadline = views[Deadline]
Index("view_deadline_by_kind", _deadline.c.slot, _deadline.c.state)
