"""Put a backup in the ledger's place, as a new life of it.

Place in the flow: `sluice db restore` through `app/maintenance`, under the lock.

A restored ledger has forgotten what was done outside since the backup. So it begins a new
incarnation: what the sources see again from old snapshots gets ids of its own, every write that
was under way waits out its quiet window and is looked for, and the effects door looks before it
creates anything. What was there is put aside, never removed.
"""

import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, or_, update
from sqlalchemy.exc import DBAPIError

from processor.adapters.ledgers import beside, copying, meta, migrations, schema, verifying
from processor.adapters.ledgers.backup import Copied, proven
from processor.adapters.ledgers.meta import Incarnation
from processor.errors import Terminal

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Restored:
    """What was put in place, the incarnation it begins, and where the old file is (if any)."""

    backup: Copied
    incarnation: int
    doubtful: int
    kept: str | None


def restore(path: Path, file: Path, registry_id: str, now: datetime, quiet: timedelta) -> Restored:
    """Put `file` in the place of the ledger at `path`, which nobody may have open.

    `quiet` is the longest time a request of the old life may still take to land. A crash in the
    middle leaves the old ledger or the new one, or one that refuses to open until this has been
    run again. Raises Terminal: not a whole backup, another registry's, of newer tables.
    """
    _check(path, file)
    with migrations.opening(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        new = beside.fresh(path)
        try:
            with migrations.opening(file):
                copying.copy(file, new)
            migrations.upgrade(new)
            copied = proven(new, file)
            if copied.registry != registry_id:
                raise Terminal(
                    f"{file} tells of registry {copied.registry!r}, but registry.id is "
                    f"{registry_id!r}: this is another ledger's backup"
                )
            life = Incarnation(
                number=_next(path, copied.incarnation, now), doubtful_until=now + quiet
            )
            with copying.connected(new, writing=True) as connection:
                meta.begin(connection, life)
                doubtful = _doubt(connection, life)
            beside.settle(new, beside.restoring(path))
        finally:
            beside.remove(new)
        kept = beside.aside(path, life.number)
        beside.settle(beside.restoring(path), path)
    return Restored(
        backup=copied,
        incarnation=life.number,
        doubtful=doubtful,
        kept=None if kept is None else str(kept),
    )


def _check(path: Path, file: Path) -> None:
    """Raise Terminal for what cannot be a backup; one of older tables is brought up in the copy."""
    if not file.exists():
        raise Terminal(f"there is no file {file}")
    if path.exists() and path.samefile(file):
        raise Terminal(f"{file} is the ledger itself: name a backup")
    migrations.check_known(file)
    if problems := verifying.problems_of(file):
        raise Terminal(f"{file} is damaged ({problems[0]}): take another backup")


def _next(path: Path, of_backup: int, now: datetime) -> int:
    """Return an incarnation that no life of this ledger has had.

    Lives are numbered by the hour they began in, or one higher: nobody has to remember what a
    machine that was lost had counted to.
    """
    known = [of_backup, int((now - _EPOCH) / timedelta(hours=1)) - 1]
    beginnings = beside.set_aside(path, 0).name.removesuffix("0")
    for kept in path.parent.glob(f"{beginnings}*"):
        number = kept.name.removeprefix(beginnings)
        known += [int(number)] if number.isdecimal() else []
    # What is there may be damaged, or no ledger, or gone.
    with suppress(DBAPIError, sqlite3.Error, ValueError), copying.connected(path) as connection:
        known.append(meta.incarnation(connection).number)
    return max(known) + 1


def _doubt(connection: Connection, life: Incarnation) -> int:
    """Put every write in doubt that was under way in the backup; return how many there are."""
    effect = schema.effect
    # Head branches are named by attempt: none of this life's may meet one of the life before.
    connection.execute(
        update(effect).where(effect.c.kind == "proposal.open").values(attempt=life.number)
    )
    return connection.execute(
        update(effect)
        .where(or_(effect.c.state == "sending", effect.c.state == "ambiguous"))
        .values(state="ambiguous", quiet_until=life.doubtful_until)
    ).rowcount
