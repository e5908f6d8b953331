"""How the views stood behind the last sealed event.

Place in the flow: `sealing` moves it on, `refolding` and `TableLog.sealed` begin from it.
"""

from typing import Any, TypeVar, cast

from sqlalchemy import Connection, CursorResult, Row, delete, insert, literal, select

from processor.adapters.ledgers import meta, rows, schema
from processor.errors import Terminal
from processor.rules.history import VERSION, VIEWS

T = TypeVar("T")

Views = dict[type[Any], dict[str, Any]]
"""Rows by view and key, the oldest first."""

_AT_ONCE = 200  # rows written in one go

_checkpoint = schema.checkpoint


def load(connection: Connection, model: str) -> Views:
    """Return one model's part of the checkpoint.

    Raises Terminal when this code cannot read a row: its folds have changed too much since.
    """
    found: Views = {view.row: {} for view in VIEWS}
    kinds = {view.name: view.row for view in VIEWS}
    query = select(_checkpoint).where(_checkpoint.c.model == model).order_by(_checkpoint.c.n)
    for row in connection.execute(query):
        if row.view in kinds:  # else a view there is no more
            found[kinds[row.view]][row.key] = _read(kinds[row.view], row)
    return found


def restore(connection: Connection) -> None:
    """Put every view back to how it stood then. Raises Terminal as `load` does."""
    for view in VIEWS:
        table, adapter = schema.views[view.row], rows.adapter(view.row)
        connection.execute(delete(table))
        for page in _of_view(connection, view.name).partitions(_AT_ONCE):
            some = []
            for stored in page:
                row = _read(view.row, stored)
                model, slot, state = view.columns(row)
                data = adapter.dump_json(row).decode()
                found = {"model": model, "slot": slot, "state": state, "data": data}
                some.append({"key": stored.key, **found})
            connection.execute(insert(table), some)


def keep(connection: Connection) -> None:
    """Make how the views stand now the checkpoint."""
    connection.execute(delete(_checkpoint))
    for view in VIEWS:
        table = schema.views[view.row]
        connection.execute(
            insert(_checkpoint).from_select(
                ["view", "key", "model", "data"],
                select(literal(view.name), table.c.key, table.c.model, table.c.data).order_by(
                    table.c.n
                ),
            )
        )
    meta.put(connection, meta.SEALED_BY, str(VERSION))


def _of_view(connection: Connection, view: str) -> CursorResult[Any]:
    """Return one view's rows of the checkpoint, the oldest first."""
    table = _checkpoint
    return connection.execute(select(table).where(table.c.view == view).order_by(table.c.n))


def _read(kind: type[T], row: Row[Any]) -> T:
    """Return a view row. Raises Terminal."""
    try:
        return cast("T", rows.adapter(kind).validate_json(row.data))
    except ValueError as error:
        raise Terminal(
            f"the {row.view} of {row.key}, as it stood when older events were sealed, cannot "
            "be read by this program: `sluice db refold --export FILE` with every export "
            "folds it from the events again"
        ) from error
