"""What an append does inside its transaction: store, fold, close, move the snapshot.

Place in the flow: `log.append`, `work.settle` and `work.bury` all end here, so that what was
seen, what is said about it and the views folded from it are one.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.sqlite import insert

from processor.adapters.ledgers import rows, schema
from processor.events import Event
from processor.ports.log import Appended
from processor.rules.history import VIEWS, View
from processor.values.effect import EffectClosing
from processor.values.snapshot import Snapshot


def append(
    connection: Connection,
    now: datetime,
    events: Sequence[Event],
    snapshot: Snapshot | None = None,
    closings: Sequence[EffectClosing] = (),
) -> Appended:
    """Store what is new of `events`; nothing at all when the snapshot has moved on."""
    if snapshot is not None and not _moved(connection, snapshot):
        return Appended((), (snapshot.subject,))
    new = [event for event in events if _inserted(connection, event, now)]
    for event in new:
        fold(connection, event, event.head.time or now)
    for closing in closings:
        connection.execute(
            update(schema.effect)
            .where(schema.effect.c.key == closing.key, schema.effect.c.closed.is_(None))
            .values(closed=closing.closing)
        )
    return Appended(tuple(event.head.id for event in new), ())


def fold(connection: Connection, event: Event, at: datetime) -> None:
    """Fold one event into every view row it concerns."""
    for view in VIEWS:
        for key in view.keys_of(event):
            _fold_row(connection, view, key, event, at)


def _fold_row(connection: Connection, view: View, key: str, event: Event, at: datetime) -> None:
    """Fold one event into one row."""
    table, adapter = schema.views[view.row], rows.adapter(view.row)
    stored = connection.execute(select(table.c.data).where(table.c.key == key)).scalar()
    before = None if stored is None else adapter.validate_json(stored)
    after = view.fold(before, event, at, key)
    if after is None or after == before:
        return
    model, slot, state = view.columns(after)
    values = {
        "model": model,
        "slot": slot,
        "state": state,
        "data": adapter.dump_json(after).decode(),
    }
    connection.execute(
        insert(table)
        .values(key=key, **values)
        .on_conflict_do_update(index_elements=["key"], set_=values)
    )


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


def _inserted(connection: Connection, event: Event, now: datetime) -> bool:
    """Insert an event unless its (source, id) is there."""
    result = connection.execute(
        insert(schema.event)
        .values(**rows.event_columns(event), observed_at=now, dispatched=False)
        .on_conflict_do_nothing(index_elements=["source", "id"])
    )
    return result.rowcount == 1
