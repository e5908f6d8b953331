"""Fold events into view rows.

Place in the flow: `appending` folds what is new inside its transaction, `refolding` everything
there is. Rows are read once and written once for all the events given, which comes to the same
as folding one event after the other.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.dialects.sqlite import insert

from processor.adapters.ledgers import rows, schema
from processor.adapters.ledgers.prepared import Prepared
from processor.events import Event
from processor.rules.history import VIEWS, View

Happened = tuple[Event, datetime]
"""An event and the moment it counts from."""

_Concerned = tuple[str, Event, datetime]
"""A row's key, and an event that concerns it."""

_COLUMNS = ("key", "model", "slot", "state", "data")


def fold(connection: Connection, happened: Sequence[Happened]) -> None:
    """Fold events, in the order given, into every view row they concern."""
    for view in VIEWS:
        concerned: list[_Concerned] = []
        for event, at in happened:
            keys = view.keys_of(event)
            if keys:
                concerned += [(key, event, at) for key in dict.fromkeys(keys)]
        if concerned:
            _fold_view(connection, view, concerned)


def _fold_view(connection: Connection, view: View, concerned: Sequence[_Concerned]) -> None:
    """Fold into the rows of one view."""
    known = _read(connection, view, list(dict.fromkeys(key for key, _, _ in concerned)))
    changed: dict[str, Any] = {}
    for key, event, at in concerned:
        before = known.get(key)
        after = view.fold(before, event, at, key)
        if after is not None and after != before:
            known[key] = changed[key] = after
    if changed:
        rows_now = [_columns(view, key, row) for key, row in changed.items()]
        _WRITE[view.row].many(connection, rows_now)


def _read(connection: Connection, view: View, keys: Sequence[str]) -> dict[str, Any]:
    """Return the rows there are."""
    adapter = rows.adapter(view.row)
    found = connection.execute(_READ[view.row], {"keys": keys})
    return {key: adapter.validate_json(data) for key, data in found}


def _columns(view: View, key: str, row: object) -> dict[str, str]:
    """Return what is stored of a row."""
    model, slot, state = view.columns(row)
    data = rows.adapter(view.row).dump_json(row).decode()
    return {"key": key, "model": model, "slot": slot, "state": state, "data": data}


# Made once: putting a statement together costs more than SQLite's part of running it.
_READ = {
    kind: select(table.c.key, table.c.data).where(
        table.c.key.in_(bindparam("keys", expanding=True))
    )
    for kind, table in schema.views.items()
}
_INSERT = {kind: insert(table) for kind, table in schema.views.items()}
_WRITE = {
    kind: Prepared(
        statement.on_conflict_do_update(
            index_elements=["key"],
            set_={name: statement.excluded[name] for name in _COLUMNS[1:]},
        ),
        _COLUMNS,
    )
    for kind, statement in _INSERT.items()
}
