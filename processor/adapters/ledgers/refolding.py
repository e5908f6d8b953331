"""Fold every view anew: from the events, behind what stood when older ones were sealed.

Place in the flow: `Ledger.open` when other folds made the views, `sluice db refold` on demand,
`sealing` before and after it takes events out. Whatever the number of events, a page of them is
in memory.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path

from sqlalchemy import Connection, delete, select

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
from processor.ports.log import Recorded
from processor.rules.history import VERSION

_AT_ONCE = 200  # events folded in one go

_event = schema.event


def refold_if_older(connection: Connection) -> None:
    """Fold every view anew when another version of the folds wrote them. Raises Terminal."""
    if meta.get(connection, meta.FOLDED_BY) != str(VERSION):
        refold(connection)


def refold(connection: Connection) -> int:
    """Fold every view anew; return how many events that took.

    The folds are run as an append runs them, on the tables. Raises Terminal for an event or a
    checkpoint that cannot be read; an event of a type this code does not know changes no view.
    """
    checkpoints.restore(connection)
    stored = connection.execute(
        select(_event).where(_event.c.type.in_(BY_TYPE)).order_by(_event.c.seq)
    )
    count = _fold(connection, (rows.readable(row) for row in stored))
    meta.put(connection, meta.FOLDED_BY, str(VERSION))
    return count


def advance(connection: Connection, last: int) -> None:
    """Move the checkpoint on to the place `last`; the views are left as they stood there.

    Raises Terminal for an event that cannot be read: without it the checkpoint would be wrong
    for every program to come.
    """
    checkpoints.restore(connection)
    stored = connection.execute(select(_event).where(_event.c.pos <= last).order_by(_event.c.seq))
    _fold(connection, (rows.readable(row) for row in stored))
    checkpoints.keep(connection)


def unseal(connection: Connection, files: Sequence[Path]) -> int:
    """Fold the checkpoint anew, from every export there is; return their events.

    The views are left as they stood there: `refold` goes on. Raises Terminal unless the files
    hold each sealed event, as it was sealed.
    """
    found = verifying.chain(connection, files)
    if found.problems:
        raise Terminal(found.problems[0])
    places = {exports.first_place(file): file for file in files}
    sizes = _sizes(connection)
    if len(files) != len(places) or sorted(places) != list(sizes):
        held = sum(sizes[place] for place in places)
        raise Terminal(
            f"{found.sealed} events were sealed, and these exports hold {held}: name each "
            f"export once: {', '.join(_files(connection)) or 'none was made'}"
        )
    for table in schema.views.values():
        connection.execute(delete(table))
    ordered = [places[place] for place in sorted(places)]
    _fold(connection, (one.recorded() for file in ordered for one in exports.read(file)))
    checkpoints.keep(connection)
    return found.sealed


def _sizes(connection: Connection) -> Mapping[int, int]:
    """Return how many events each export holds, by its first place, in order."""
    table = schema.seal
    found = connection.execute(select(table).order_by(table.c.last_pos))
    return {row.first_pos: row.last_pos - row.first_pos + 1 for row in found}


def _files(connection: Connection) -> Sequence[str]:
    """Return where the exports were written, the oldest first."""
    table = schema.seal
    return connection.execute(select(table.c.file).order_by(table.c.last_pos)).scalars().all()


def _fold(connection: Connection, happened: Iterable[Recorded]) -> int:
    """Fold events on the tables, a page at a time; return how many there were."""
    count, left = 0, iter(happened)
    while page := [(one.event, one.at) for one in islice(left, _AT_ONCE)]:
        folding.fold(connection, page)
        count += len(page)
    return count
