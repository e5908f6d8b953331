"""The ledger put together.

Place in the flow: `app` opens it for the running process, the CLI (through `app`) read-only.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.sqlite import insert

from processor.adapters.ledgers import appending, migrations, rows, schema
from processor.adapters.ledgers.counting import TableCounts
from processor.adapters.ledgers.database import Database
from processor.adapters.ledgers.effects import TableEffects, TableSnapshots
from processor.adapters.ledgers.log import TableLog
from processor.adapters.ledgers.views import TableViews
from processor.adapters.ledgers.work import TableWork
from processor.errors import SluiceError, Terminal
from processor.events import BY_TYPE
from processor.ports.clock import Clock
from processor.rules.history import VERSION


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """Every part over one file. `incarnation` moves on when a backup is restored."""

    database: Database
    log: TableLog
    views: TableViews
    work: TableWork
    counts: TableCounts
    effects: TableEffects
    snapshots: TableSnapshots
    incarnation: int
    appended: asyncio.Event

    @classmethod
    async def open(
        cls, path: Path, registry_id: str, clock: Clock, *, inline: bool = False
    ) -> "Ledger":
        """Open for the running process: tables brought up, registry id checked, views fresh.

        `inline` is for simulations: see `Database`.
        """
        if inline:
            migrations.upgrade(path)
        else:
            await asyncio.to_thread(migrations.upgrade, path)
        ledger = cls._over(Database(path, inline=inline), clock, incarnation=1)
        try:
            await ledger.database.write(lambda connection: _claimed(connection, registry_id))
            await ledger.database.write(_refolded)
            await ledger.work.recover()
            await ledger.effects.recover()
        except SluiceError:
            await ledger.close()
            raise
        return ledger

    @classmethod
    async def open_readonly(cls, path: Path, clock: Clock) -> "Ledger":
        """Open for a reader beside (or without) the running process."""
        if not await asyncio.to_thread(path.exists):
            raise Terminal(f"there is no ledger at {path}: has `sluice run` been started here?")
        return cls._over(Database(path, readonly=True), clock, incarnation=1)

    @classmethod
    def _over(cls, database: Database, clock: Clock, *, incarnation: int) -> "Ledger":
        """Put the parts over one database."""
        appended = asyncio.Event()
        return cls(
            database=database,
            log=TableLog(database=database, clock=clock, appended=appended),
            views=TableViews(database=database),
            work=TableWork(database=database, clock=clock, appended=appended),
            counts=TableCounts(database=database),
            effects=TableEffects(database=database),
            snapshots=TableSnapshots(database=database),
            incarnation=incarnation,
            appended=appended,
        )

    async def close(self) -> None:
        """Finish and let go."""
        await self.database.close()


def _meta(connection: Connection, name: str) -> str | None:
    """Return one remembered setting."""
    table = schema.meta
    return connection.execute(select(table.c.value).where(table.c.name == name)).scalar()


def _remember(connection: Connection, name: str, value: str) -> None:
    """Remember one setting."""
    connection.execute(
        insert(schema.meta)
        .values(name=name, value=value)
        .on_conflict_do_update(index_elements=["name"], set_={"value": value})
    )


def _claimed(connection: Connection, registry_id: str) -> None:
    """Tie the file to one registry id: it is part of every key and source."""
    known = _meta(connection, "registry_id")
    if known is not None and known != registry_id:
        raise Terminal(
            f"this ledger tells of registry {known!r}, but registry.id is {registry_id!r}: "
            f"set it back to {known!r}, or start another ledger"
        )
    _remember(connection, "registry_id", registry_id)


def _refolded(connection: Connection) -> None:
    """Fold every view anew when another version of the folds wrote them."""
    if _meta(connection, "fold_version") == str(VERSION):
        return
    for table in schema.views.values():
        connection.execute(delete(table))
    stored = connection.execute(
        select(schema.event).where(schema.event.c.type.in_(BY_TYPE)).order_by(schema.event.c.seq)
    )
    for row in stored:
        one = rows.recorded(row)
        appending.fold(connection, one.event, one.at)
    _remember(connection, "fold_version", str(VERSION))
