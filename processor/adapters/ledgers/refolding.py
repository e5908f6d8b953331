"""Fold every view anew: from the events, behind what stood when older ones were sealed.

Place in the flow: `Ledger.open` when other folds made the views, `sluice db refold` on demand.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Table, delete, insert, select

from processor.adapters.ledgers import (
    checkpoints,
    exports,
    folding,
    meta,
    rows,
    schema,
    verifying,
)
from processor.errors import Terminal
from processor.events import BY_TYPE
from processor.rules.history import VERSION, VIEWS

_AT_ONCE = 500  # events folded in one go

Stand = Mapping[str, Mapping[str, tuple[str, str, str, str]]]
"""Every view by name: its rows by key, the oldest first, as (model, slot, state, data)."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A view whose rows were not what the events say: keys of each kind, all of them."""

    view: str
    missing: tuple[str, ...]
    changed: tuple[str, ...]
    surplus: tuple[str, ...]
    reordered: bool


def refold_if_older(connection: Connection) -> None:
    """Fold every view anew when another version of the folds wrote them."""
    if meta.get(connection, meta.FOLDED_BY) != str(VERSION):
        refold(connection)


def refold(connection: Connection) -> int:
    """Fold every view anew; return how many events that took. Raises Terminal: `checkpoints.load`.

    The folds are run as an append runs them, on the tables.
    """
    begun = checkpoints.load(connection)
    for view in VIEWS:
        table, adapter = schema.views[view.row], rows.adapter(view.row)
        connection.execute(delete(table))
        for key, row in begun[view.row].items():
            model, slot, state = view.columns(row)
            data = adapter.dump_json(row).decode()
            connection.execute(
                insert(table).values(key=key, model=model, slot=slot, state=state, data=data)
            )
    stored = connection.execute(
        select(schema.event).where(schema.event.c.type.in_(BY_TYPE)).order_by(schema.event.c.seq)
    )
    count = 0
    for page in stored.partitions(_AT_ONCE):
        happened = [rows.recorded(row) for row in page]
        folding.fold(connection, [(one.event, one.at) for one in happened])
        count += len(happened)
    meta.put(connection, meta.FOLDED_BY, str(VERSION))
    return count


def unseal(connection: Connection, files: Sequence[Path]) -> int:
    """Fold what a refold begins from anew, from every export there is; return their events.

    Raises Terminal unless the files hold each sealed event, as it was sealed.
    """
    found = verifying.chain(connection, files)
    if found.problems:
        raise Terminal(found.problems[0])
    ordered = sorted((list(exports.read(file)) for file in files), key=lambda one: one[0].pos)
    events = [one for held in ordered for one in held]
    if [one.pos for one in events] != list(range(1, found.sealed + 1)):
        raise Terminal(
            f"{found.sealed} events were sealed, and these exports hold {len(events)}: name each "
            f"export once: {', '.join(_files(connection)) or 'none was made'}"
        )
    checkpoints.rebuild(connection, (one.recorded() for one in events))
    return len(events)


def _files(connection: Connection) -> Sequence[str]:
    """Return where the exports were written, the oldest first."""
    table = schema.seal
    return connection.execute(select(table.c.file).order_by(table.c.last_pos)).scalars().all()


def stand(connection: Connection) -> Stand:
    """Return every view as it is stored now."""
    return {view.name: _rows_of(connection, schema.views[view.row]) for view in VIEWS}


def differences(before: Stand, after: Stand) -> Sequence[Difference]:
    """Return the views that were not what they should have been; `after` is right."""
    found = []
    for name, right in after.items():
        was = before[name]
        one = Difference(
            view=name,
            missing=tuple(key for key in right if key not in was),
            changed=tuple(key for key in right if key in was and was[key] != right[key]),
            surplus=tuple(key for key in was if key not in right),
            reordered=list(was) != list(right) and set(was) == set(right),
        )
        if one.missing or one.changed or one.surplus or one.reordered:
            found.append(one)
    return found


def _rows_of(connection: Connection, table: Table) -> Mapping[str, tuple[str, str, str, str]]:
    """Return one view's rows."""
    found = connection.execute(select(table).order_by(table.c.n))
    return {row.key: (row.model, row.slot, row.state, row.data) for row in found}
