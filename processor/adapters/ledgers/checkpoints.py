"""How the views stood behind the last sealed event.

Place in the flow: `sealing` moves it on, `refolding` and `log.sealed_before` begin from it.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from processor.adapters.ledgers import meta, rows, schema
from processor.errors import Terminal
from processor.ports.log import Recorded
from processor.rules.history import VERSION, VIEWS, fold_all

Views = dict[type[Any], dict[str, Any]]
"""Rows by view and key, the oldest first."""


def load(connection: Connection, model: str | None = None) -> Views:
    """Return the checkpoint, or one model's part of it.

    Raises Terminal when this code cannot read a row: its folds have changed too much since.
    """
    found: Views = {view.row: {} for view in VIEWS}
    kinds = {view.name: view.row for view in VIEWS}
    table = schema.checkpoint
    query = select(table).order_by(table.c.n)
    for row in connection.execute(
        query if model is None else query.where(table.c.model == model)
    ).all():
        if row.view not in kinds:
            continue  # a view there is no more
        kind = kinds[row.view]
        try:
            found[kind][row.key] = rows.adapter(kind).validate_json(row.data)
        except ValueError as error:
            raise Terminal(
                f"the {row.view} of {row.key}, as it stood when older events were sealed, cannot "
                "be read by this program: `sluice db refold --export FILE` with every export "
                "folds it from the events again"
            ) from error
    return found


def advance(connection: Connection, last: int) -> None:
    """Fold the events up to a place into the checkpoint."""
    table = schema.event
    found = connection.execute(select(table).where(table.c.pos <= last).order_by(table.c.seq))
    store(connection, fold_all((rows.recorded(row) for row in found), load(connection)))


def rebuild(connection: Connection, happened: Iterable[Recorded]) -> None:
    """Fold the checkpoint from the sealed events themselves."""
    store(connection, fold_all(happened))


def store(connection: Connection, views: Views) -> None:
    """Replace the checkpoint."""
    connection.execute(delete(schema.checkpoint))
    for view in VIEWS:
        adapter = rows.adapter(view.row)
        for key, row in views[view.row].items():
            connection.execute(
                insert(schema.checkpoint).values(
                    view=view.name,
                    key=key,
                    model=view.columns(row)[0],
                    data=adapter.dump_json(row).decode(),
                )
            )
    meta.put(connection, meta.SEALED_BY, str(VERSION))
