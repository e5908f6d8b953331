"""The ledger put together.

Place in the flow: `app` opens it for the running process, the CLI (through `app`) read-only.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from processor.adapters.ledgers import meta, migrations, refolding
from processor.adapters.ledgers.counting import TableCounts
from processor.adapters.ledgers.database import Database
from processor.adapters.ledgers.dead import TableDead
from processor.adapters.ledgers.effects import TableEffects, TableSnapshots
from processor.adapters.ledgers.log import TableLog
from processor.adapters.ledgers.meta import Incarnation
from processor.adapters.ledgers.tidying import TableTidying
from processor.adapters.ledgers.views import TableViews
from processor.adapters.ledgers.wakeups import TableWakeups
from processor.adapters.ledgers.work import TableWork
from processor.errors import SluiceError, Terminal, Unavailable
from processor.ports.clock import Clock


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """Every part over one file.

    `incarnation` moves on when a backup is restored; until `doubtful_until` a request of the life
    before may still land (None: there was none).
    """

    database: Database
    log: TableLog
    views: TableViews
    work: TableWork
    counts: TableCounts
    dead: TableDead
    effects: TableEffects
    snapshots: TableSnapshots
    wakeups: TableWakeups
    tidying: TableTidying
    incarnation: int
    doubtful_until: datetime | None
    appended: asyncio.Event

    @classmethod
    async def open(
        cls, path: Path, registry_id: str, clock: Clock, *, inline: bool = False
    ) -> "Ledger":
        """Open for the running process: tables brought up, registry id checked, views fresh.

        `inline` is for simulations: see `Database`. Raises Terminal, naming the fix.
        """
        if inline:
            migrations.upgrade(path)
        else:
            await asyncio.to_thread(migrations.upgrade, path)
        database = Database(path, inline=inline)

        def made_ready(connection: Connection) -> Incarnation:
            meta.claim(connection, registry_id)
            refolding.refold_if_older(connection)
            return meta.incarnation(connection)

        try:
            ledger = cls._over(database, clock, await database.write(made_ready))
            await ledger.work.recover()
            await ledger.effects.recover(clock.now())
        except Unavailable as broken:
            await database.close()
            raise Terminal(str(broken)) from broken
        except SluiceError:
            await database.close()
            raise
        return ledger

    @classmethod
    async def open_readonly(cls, path: Path, clock: Clock) -> "Ledger":
        """Open for a reader beside (or without) the running process. Raises Terminal."""
        await asyncio.to_thread(migrations.check_readable, path)
        database = Database(path, readonly=True)
        try:
            return cls._over(database, clock, await database.read(meta.incarnation))
        except Unavailable as broken:
            await database.close()
            raise Terminal(str(broken)) from broken

    @classmethod
    def _over(cls, database: Database, clock: Clock, life: Incarnation) -> "Ledger":
        """Put the parts over one database."""
        appended = asyncio.Event()
        return cls(
            database=database,
            log=TableLog(database=database, clock=clock, appended=appended),
            views=TableViews(database=database),
            work=TableWork(database=database, clock=clock, appended=appended),
            counts=TableCounts(database=database),
            dead=TableDead(database=database, clock=clock, appended=appended),
            effects=TableEffects(database=database),
            snapshots=TableSnapshots(database=database),
            wakeups=TableWakeups(database=database),
            tidying=TableTidying(database=database, clock=clock),
            incarnation=life.number,
            doubtful_until=life.doubtful_until,
            appended=appended,
        )

    async def close(self) -> None:
        """Finish and let go."""
        await self.database.close()
