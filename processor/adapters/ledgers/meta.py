"""What the ledger remembers of itself: whose it is, and which of its lives this is.

Place in the flow: `ledger` reads it when it opens, `restore` begins a new incarnation in it,
`refolding` and `sealing` note by which folds the views were made.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.sqlite import insert

from processor.adapters.ledgers import schema
from processor.errors import Terminal

REGISTRY = "registry_id"
FOLDED_BY = "fold_version"
SEALED_BY = "checkpoint_fold_version"
INCARNATION = "incarnation"
_DOUBTFUL = "doubtful_until"
_TRACED_FROM = "chain_covers_trace_from"


@dataclass(frozen=True, kw_only=True)
class Incarnation:
    """One life of a ledger: 1 until a backup is restored.

    In a restored one, what was done outside after the backup was made is not remembered:
    `doubtful_until` is when the last request of the life before can no longer land.
    """

    number: int = 1
    doubtful_until: datetime | None = None


def get(connection: Connection, name: str) -> str | None:
    """Return one remembered value."""
    table = schema.meta
    return connection.execute(select(table.c.value).where(table.c.name == name)).scalar()


def put(connection: Connection, name: str, value: str) -> None:
    """Remember one value."""
    connection.execute(
        insert(schema.meta)
        .values(name=name, value=value)
        .on_conflict_do_update(index_elements=["name"], set_={"value": value})
    )


def forget(connection: Connection, name: str) -> None:
    """Forget one value."""
    connection.execute(delete(schema.meta).where(schema.meta.c.name == name))


def incarnation(connection: Connection) -> Incarnation:
    """Return which life of the ledger this is."""
    doubtful = get(connection, _DOUBTFUL)
    return Incarnation(
        number=int(get(connection, INCARNATION) or 1),
        doubtful_until=None if doubtful is None else datetime.fromisoformat(doubtful),
    )


def begin(connection: Connection, new: Incarnation) -> None:
    """Begin another life."""
    put(connection, INCARNATION, str(new.number))
    if new.doubtful_until is not None:
        put(connection, _DOUBTFUL, new.doubtful_until.isoformat())


def traced_from(connection: Connection) -> int:
    """Return the first place whose hash covers the event's trace, too."""
    return int(get(connection, _TRACED_FROM) or 1)


def claim(connection: Connection, registry_id: str) -> None:
    """Tie the file to one registry id: it is part of every key and source. Raises Terminal."""
    known = get(connection, REGISTRY)
    if known is not None and known != registry_id:
        raise Terminal(
            f"this ledger tells of registry {known!r}, but registry.id is {registry_id!r}: "
            f"set it back to {known!r}, or start another ledger"
        )
    if known is None:
        put(connection, REGISTRY, registry_id)
