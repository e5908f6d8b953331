"""Keep the file in order while it is in use.

Place in the flow: `app/looks` looks through this now and then: a commit that failed is tried
again until one succeeds, the write-ahead log is emptied while nobody writes, and once a day the
whole file is read for damage. What is wrong is the named state `ledger`.
"""

import asyncio
import sqlite3
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, text

from processor.adapters.ledgers import beside, copying, meta
from processor.adapters.ledgers.database import Database
from processor.errors import Unavailable
from processor.ports.clock import Clock

LARGEST_LOG = 16 * 2**20
"""How many bytes the write-ahead log may hold before it is emptied even in a busy hour."""

_CHECK = timedelta(days=1)
_LEDGER = "ledger"
_PADDING = "." * 2**15  # more than the file has left over where a disk is full


def empty_log(path: Path) -> bool:
    """Move every commit into the file and cut the write-ahead log to nothing.

    It waits a moment for readers to end, and new ones read the file itself meanwhile; False when
    somebody was in the way all the time, and the next look tries again.
    """
    with suppress(sqlite3.Error), copying.alone(path) as file:  # what is wrong is told by commits
        file.execute("PRAGMA busy_timeout=1000")
        busy = file.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        return not busy
    return False


def _size(log: Path) -> int:
    """Return a file's size, 0 when there is none."""
    try:
        return log.stat().st_size
    except FileNotFoundError:
        return 0


@dataclass(kw_only=True)
class TableTidying:
    """Looks after one ledger's file."""

    database: Database
    clock: Clock
    _checked: datetime | None = None

    async def look(self) -> Mapping[str, str]:
        """Try a commit if the last one failed; return what is wrong with the file."""
        if self.database.trouble:
            await self._try()
        return {_LEDGER: self.database.trouble or self.database.damage}

    async def empty(self) -> Mapping[str, str]:
        """Empty the write-ahead log if it is large, or if nobody writes just now."""
        path = self.database.path
        size = _size(beside.wal(path))
        if size > LARGEST_LOG or (size and self.database.idle):
            if self.database.inline:
                empty_log(path)
            else:
                await asyncio.to_thread(empty_log, path)
        return {}

    async def check(self) -> Mapping[str, str]:
        """Read the whole file once a day; what is found stays told until it is found no more."""
        now = self.clock.now()
        if self._checked is None or now - self._checked >= _CHECK:
            self.database.damage = await self._found()
            self._checked = now
        return {}

    async def _try(self) -> None:
        """Commit something that needs room, and take it back."""
        try:
            await self.database.write(lambda connection: meta.put(connection, "probe", _PADDING))
            await self.database.write(lambda connection: meta.forget(connection, "probe"))
        except Unavailable:
            return  # `trouble` says why
        self.database.trouble = ""  # a commit that changes nothing would not have told

    async def _found(self) -> str:
        """Return the first damage SQLite finds, in words that say what to do."""

        def job(connection: Connection) -> list[str]:
            return [str(row[0]) for row in connection.execute(text("PRAGMA quick_check(1)"))]

        try:
            found = await self.database.read(job)
        except Unavailable as broken:
            return str(broken)
        if found == ["ok"]:
            return ""
        return (
            f"{_LEDGER}: {self.database.path} is damaged ({found[0]}): stop, then restore a "
            "backup with `sluice db restore FILE`; `sluice db check` tells more"
        )
