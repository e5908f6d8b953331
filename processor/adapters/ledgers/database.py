"""One SQLite file: a writer with group commit, and readers beside it.

Place in the flow: every part of the ledger writes through `write` and `join` and reads through
`read`. Writes that arrive together share one fsync, and those that `join` the same work share its
statements too; one that fails takes nobody with it. Jobs are plain functions of a connection and
run on one thread from first to last statement: a hop per statement costs more than the statement.
"""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

from pydantic import ValidationError
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, InterfaceError, ProgrammingError

from processor.adapters.ledgers.complaints import complaint, ends_all, is_damage, unreadable
from processor.errors import Unavailable

T = TypeVar("T")
Item = TypeVar("Item")
Job = Callable[[Connection], T]
Joint = Callable[[Connection, Sequence[Item]], Sequence[T]]
"""Work on many items in one go, as if on one after the other; it returns an answer for each."""

_TOGETHER = 256  # writes that share one commit at most
_QUIET = 3  # rounds of the loop in which nobody asks, until we commit
_PATIENCE = 12  # rounds after which we commit anyway
_READERS = 4
_FAILURES = (DBAPIError, sqlite3.Error)  # the second where a connection cannot even be made
_OF_THE_DATA = (IntegrityError, DataError, InterfaceError, ProgrammingError)

_Answer = tuple[Any, Exception | None]


@dataclass(frozen=True)
class _Waiting:
    """A write that waits for its commit; `item` is what it brings to joint work."""

    joint: Joint[Any, Any]
    item: Any
    late: int
    done: "asyncio.Future[Any]"


class Database:
    """The file, open for reading and (unless `readonly`) writing."""

    def __init__(self, path: Path, *, readonly: bool = False, inline: bool = False) -> None:
        """Open nothing yet; connections are made when first needed.

        `inline` runs every job on the loop's own thread: a simulation's order of events then
        depends on nothing but its seed.
        """
        self.path = path
        self.trouble = ""
        """Why a commit failed; whoever sees one succeed that needed room empties it."""
        self.damage = ""
        """What a read or a check has found damaged; the next daily check says it anew, or not."""
        self.inline = inline
        kind = _Inline if inline else _Threads
        self._reader: _Connections = kind(path, writing=False)
        self._writer: _Connections | None = None if readonly else kind(path, writing=True)
        self._queue: deque[_Waiting] = deque()
        self._committing: asyncio.Task[None] | None = None

    @property
    def idle(self) -> bool:
        """Tell whether nobody waits for a commit."""
        return not self._queue and (self._committing is None or self._committing.done())

    async def read(self, job: Job[T]) -> T:
        """Run a reading job on one consistent state of the file."""
        try:
            return await self._reader.run(job)
        except _FAILURES as error:
            failed = complaint(self.path, error)
            if is_damage(error):
                self.damage = str(failed)
            raise failed from error
        except ValidationError as error:
            raise unreadable(self.path, error) from error

    async def write(self, job: Job[T], *, late: int = 0) -> T:
        """Run a writing job; return once it is on disk. What it raises is raised here.

        What is asked in the same moment has no order; `late` makes one, the higher the later.
        """
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._ask(_Waiting(lambda connection, _: [job(connection)], None, late, done))
        return await done

    async def join(self, joint: Joint[Item, T], item: Item) -> T:
        """Like `write`, in the same statements as others that bring their items at this moment.

        When that fails each item is tried alone, and whoever brought the culprit hears of it.
        """
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._ask(_Waiting(joint, item, 0, done))
        return await done

    def _ask(self, waiting: _Waiting) -> None:
        """Let it share the next commit."""
        self._queue.append(waiting)
        if self._committing is None or self._committing.done():
            self._committing = asyncio.create_task(self._commit(), name="ledger-commit")

    async def close(self) -> None:
        """Finish what was accepted, then let go of the file."""
        if self._committing is not None:
            await asyncio.wait({self._committing})
        await self._reader.close()
        if self._writer is not None:
            await self._writer.close()

    async def _commit(self) -> None:
        """Commit everything queued, a batch at a time; a batch that fails, one by one."""
        while self._queue:
            await self._gather()
            some = [self._queue.popleft() for _ in range(min(_TOGETHER, len(self._queue)))]
            batch = sorted(some, key=lambda waiting: waiting.late)
            if not await self._try(batch):
                for waiting in batch:
                    await self._try([waiting])

    async def _gather(self) -> None:
        """Let those who are about to ask do so: it costs rounds of the loop, and saves commits.

        Whoever got an answer from the last commit acts on it first; then what a write wakes (the
        relay, dispatch, the worker) comes behind it, and all of it is one transaction.
        """
        quiet, known = 0, 0
        for _ in range(_PATIENCE):
            await asyncio.sleep(0)
            quiet = 0 if len(self._queue) > known else quiet + 1
            known = len(self._queue)
            if quiet == _QUIET or known >= _TOGETHER:
                return

    async def _try(self, batch: Sequence[_Waiting]) -> bool:
        """Commit a batch and hand out its answers; False when its parts may still succeed."""
        try:
            answers = await self._batch(batch)
        except Exception as problem:  # noqa: BLE001 - handed to whoever waits
            failed = self._said(problem)
            self.trouble = str(failed) if isinstance(failed, Unavailable) else self.trouble
            if len(batch) > 1:
                return False
            answers = [(None, failed)]
        for waiting, (value, failure) in zip(batch, answers, strict=True):
            if waiting.done.done():
                continue
            if failure is None:
                waiting.done.set_result(value)
            else:
                waiting.done.set_exception(self._said(failure))
        return True

    def _said(self, problem: Exception) -> Exception:
        """Return a failure as whoever asked should hear it: the file's fault, or the data's."""
        if isinstance(problem, _FAILURES) and not isinstance(problem, _OF_THE_DATA):
            return complaint(self.path, problem)
        return problem

    async def _batch(self, batch: Sequence[_Waiting]) -> list[_Answer]:
        """Run a batch in one transaction."""
        if self._writer is None:
            raise Unavailable("ledger", "opened read-only")
        return await self._writer.run(lambda connection: _answers(connection, batch))


def _answers(connection: Connection, batch: Sequence[_Waiting]) -> list[_Answer]:
    """Run a batch in the connection's transaction, jointly where neighbours allow it."""
    answers: list[_Answer] = []
    if len(batch) == 1:
        answers = [(batch[0].joint(connection, [batch[0].item])[0], None)]
    else:
        for _, same in groupby(batch, key=lambda waiting: waiting.joint):
            answers += _together(connection, list(same))
    if not connection.in_transaction():
        raise RuntimeError("a job ended the transaction it was given: nothing of it is stored")
    return answers


def _together(connection: Connection, batch: Sequence[_Waiting]) -> list[_Answer]:
    """Run joint work in a savepoint; when it fails, each item alone in one of its own.

    Raises a failure of the file: SQLite has rolled everything back then.
    """
    point = connection.begin_nested()
    try:
        values = batch[0].joint(connection, [waiting.item for waiting in batch])
    except Exception as problem:
        if ends_all(problem):
            raise
        point.rollback()
        if len(batch) == 1:
            return [(None, problem)]
    else:
        point.commit()
        return [(value, None) for value in values]
    return [answer for waiting in batch for answer in _together(connection, [waiting])]


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
        size = 1 if writing else _READERS
        url = file_url("sqlite", path, writing=writing)
        self._engine = create_engine(url, pool_size=size, max_overflow=0)
        set_up(self._engine, writing=writing)
        self._threads = ThreadPoolExecutor(size, thread_name_prefix="ledger")

    async def run(self, job: Job[T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._run, job)

    def _run(self, job: Job[T]) -> T:
        with self._engine.begin() as connection:
            return job(connection)

    async def close(self) -> None:
        self._threads.shutdown()
        self._engine.dispose()


class _Inline:
    """One connection on the loop's own thread."""

    def __init__(self, path: Path, *, writing: bool) -> None:
        self._engine = create_engine(file_url("sqlite", path, writing=writing), pool_size=1)
        set_up(self._engine, writing=writing)

    async def run(self, job: Job[T]) -> T:
        with self._engine.begin() as connection:
            return job(connection)

    async def close(self) -> None:
        self._engine.dispose()


def file_url(driver: str, path: Path, *, writing: bool) -> str:
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
