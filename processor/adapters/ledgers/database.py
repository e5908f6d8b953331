"""One SQLite file: a writer with group commit, and readers beside it.

Place in the flow: every part of the ledger writes through `write` and reads through `read`.
Writes that arrive together share one fsync; each runs in its own savepoint, so one that fails
takes nobody with it. Jobs are plain functions of a connection.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from processor.errors import Unavailable

T = TypeVar("T")
Job = Callable[[Connection], T]

_TOGETHER = 256  # writes that share one commit at most


@dataclass(frozen=True)
class _Waiting:
    """A write that waits for its commit."""

    job: Job[Any]
    done: "asyncio.Future[Any]"


class Database:
    """The file, open for reading and (unless `readonly`) writing."""

    def __init__(self, path: Path, *, readonly: bool = False, inline: bool = False) -> None:
        """Open nothing yet; connections are made when first needed.

        `inline` runs every job on the loop's own thread: a simulation's order of events then
        depends on nothing but its seed.
        """
        kind = _Inline if inline else _Threads
        self._reader: _Connections = kind(path, writing=False)
        self._writer: _Connections | None = None if readonly else kind(path, writing=True)
        self._queue: deque[_Waiting] = deque()
        self._committing: asyncio.Task[None] | None = None

    async def read(self, job: Job[T]) -> T:
        """Run a reading job on one consistent state of the file."""
        try:
            return await self._reader.run(job)
        except DBAPIError as error:
            raise Unavailable("ledger", str(error.orig)) from error

    async def write(self, job: Job[T]) -> T:
        """Run a writing job; return once it is on disk. What it raises is raised here."""
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._queue.append(_Waiting(job, done))
        if self._committing is None or self._committing.done():
            self._committing = asyncio.create_task(self._commit(), name="ledger-commit")
        return await done

    async def close(self) -> None:
        """Finish what was accepted, then let go of the file."""
        if self._committing is not None:
            await asyncio.wait({self._committing})
        await self._reader.close()
        if self._writer is not None:
            await self._writer.close()

    async def _commit(self) -> None:
        """Commit everything queued, a batch at a time."""
        while self._queue:
            batch = [self._queue.popleft() for _ in range(min(_TOGETHER, len(self._queue)))]
            try:
                answers = await self._batch(batch)
            except DBAPIError as error:
                _fail(batch, Unavailable("ledger", str(error.orig)))
                continue
            except Exception as bug:  # noqa: BLE001 - handed to everybody who waits
                _fail(batch, bug)
                continue
            for waiting, (value, problem) in zip(batch, answers, strict=True):
                if problem is not None:
                    _fail([waiting], problem)
                elif not waiting.done.done():
                    waiting.done.set_result(value)

    async def _batch(self, batch: list[_Waiting]) -> list[tuple[Any, Exception | None]]:
        """Run a batch in one transaction, each job in its own savepoint."""
        if self._writer is None:
            raise Unavailable("ledger", "opened read-only")

        def run(connection: Connection) -> list[tuple[Any, Exception | None]]:
            answers: list[tuple[Any, Exception | None]] = []
            for waiting in batch:
                point = connection.begin_nested()
                try:
                    value = waiting.job(connection)
                except Exception as problem:  # noqa: BLE001 - handed to whoever asked for the write
                    point.rollback()
                    answers.append((None, problem))
                else:
                    point.commit()
                    answers.append((value, None))
            return answers

        return await self._writer.run(run)


def _fail(batch: list[_Waiting], problem: Exception) -> None:
    """Hand a failure to whoever still waits."""
    for waiting in batch:
        if not waiting.done.done():
            waiting.done.set_exception(problem)


class _Connections(Protocol):
    """Where jobs run, each in a transaction of its own."""

    async def run(self, job: Job[T]) -> T:
        """Run one job."""
        ...

    async def close(self) -> None:
        """Let go of the file."""
        ...


class _Threads:
    """Connections on threads of their own: the loop goes on while one waits for the disk."""

    def __init__(self, path: Path, *, writing: bool) -> None:
        url = _url("sqlite+aiosqlite", path, writing=writing)
        self._engine: AsyncEngine = (
            create_async_engine(url, pool_size=1, max_overflow=0)
            if writing
            else create_async_engine(url, pool_size=4)
        )
        set_up(self._engine.sync_engine, writing=writing)

    async def run(self, job: Job[T]) -> T:
        async with self._engine.begin() as connection:
            return await connection.run_sync(job)

    async def close(self) -> None:
        await self._engine.dispose()


class _Inline:
    """One connection on the loop's own thread."""

    def __init__(self, path: Path, *, writing: bool) -> None:
        self._engine = create_engine(_url("sqlite", path, writing=writing), pool_size=1)
        set_up(self._engine, writing=writing)

    async def run(self, job: Job[T]) -> T:
        with self._engine.begin() as connection:
            return job(connection)

    async def close(self) -> None:
        self._engine.dispose()


def _url(driver: str, path: Path, *, writing: bool) -> str:
    """Return where SQLAlchemy finds the file."""
    mode = "rwc" if writing else "ro"
    return f"{driver}:///file:{quote(str(path.absolute()))}?mode={mode}&uri=true"


def set_up(engine: Engine, *, writing: bool) -> None:
    """Make an engine's transactions ours: all or nothing, tables included, on disk at commit."""

    @event.listens_for(engine, "connect")
    def _connected(dbapi: DBAPIConnection, _record: object) -> None:
        # The driver's own transaction handling would commit behind our back.
        dbapi.isolation_level = None
        cursor = dbapi.cursor()
        cursor.execute("PRAGMA busy_timeout=5000")
        if writing:
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute("PRAGMA synchronous=FULL")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
