"""One life of the process: from its start to its death, and nothing of it afterwards.

Place in the flow: `program` starts a life and everything that runs in it carries it (a context
variable); wire and database ask it before they do anything. A dead life's tasks are cancelled,
and whatever they still try on their way out is refused: neither ledger nor outside hears of it.
"""

import asyncio
from collections.abc import Callable
from contextvars import Context, ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from sqlalchemy import Connection, event

from processor.adapters.ledgers import database

T = TypeVar("T")

LIFE: ContextVar["Life | None"] = ContextVar("life", default=None)
_CACHE: dict[Any, Any] = {}  # compiled statements: a start must not cost a second compilation


class Killed(asyncio.CancelledError):
    """The process is gone. Nothing catches it, as nothing catches SIGKILL."""


@dataclass(frozen=True)
class End:
    """How a life is to end: at the `n`-th point of a kind; kind empty: any; n 0: never."""

    kind: str = ""
    n: int = 0

    @classmethod
    def drawn(cls, rng: Random, mean: int) -> "End":
        """Return an end after about `mean` points; half of them beside an outside write."""
        kind = rng.choices(["", "write", "round"], [40, 50, 10])[0]
        per = {"": 1.0, "write": 0.35, "round": 12.0}[kind]
        return cls(kind, rng.randint(1, max(2, round(2 * mean * per))))


@dataclass
class Life:
    """`tasks` are those under way, `where` the point it ended at."""

    end: End
    dead: bool = False
    where: str = ""
    passed: int = 0
    tasks: dict["asyncio.Task[Any]", None] = field(default_factory=dict)
    connections: list["Mortal"] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    context: Context = field(default_factory=Context)

    def __post_init__(self) -> None:
        self.context.run(LIFE.set, self)

    def alive(self) -> None:
        """Refuse whatever the dead still want."""
        if self.dead:
            raise Killed(self.where)

    def passes(self, point: str, kind: str = "") -> None:
        """Pass a point, perhaps the last."""
        self.alive()
        if self.end.n and self.end.kind in {"", kind} and kind != "round":
            self._count(point)

    def round(self) -> None:
        """Pass the moment between two rounds of the loop."""
        if self.end.kind == "round" and self.end.n and not self.dead:
            self.passed += 1
            if self.passed >= self.end.n:
                self.kill("between two steps")

    def kill(self, where: str) -> None:
        """End at once."""
        if self.dead:
            return
        self.dead, self.where = True, where
        for task in self.tasks:
            task.cancel()
        self.ended.set()

    def _count(self, point: str) -> None:
        self.passed += 1
        if self.passed >= self.end.n:
            self.kill(point)
            raise Killed(point)


def remembered(loop: asyncio.AbstractEventLoop, coro: Any, context: Context | None = None) -> Any:
    """Make a task, and let its life know: the loop's task factory."""
    task: asyncio.Task[Any] = asyncio.Task(coro, loop=loop, context=context)
    life = context.get(LIFE) if context is not None else LIFE.get()
    if life is not None:
        life.tasks[task] = None
        task.add_done_callback(life.tasks.pop)
        if life.dead:
            task.cancel()
    return task


class Mortal(database._Inline):
    """The ledger's connection; a life may end right before a commit and right after one.

    Nothing is synchronised to the disk: what dies here is the process, not the machine.
    """

    def __init__(self, path: Path, *, writing: bool) -> None:
        super().__init__(path, writing=writing)
        self._engine._compiled_cache = _CACHE
        self._writing = writing
        self._life = LIFE.get()
        if self._life is not None:
            self._life.connections.append(self)

        @event.listens_for(self._engine, "connect")
        def _connected(dbapi: Any, _record: object) -> None:
            dbapi.execute("PRAGMA synchronous=OFF")

    async def run(self, job: Callable[[Connection], T]) -> T:
        life = self._life
        if life is None:
            return await super().run(job)
        life.alive()
        if not self._writing:
            return await super().run(job)
        changed = False

        def mortal(connection: Connection) -> T:
            nonlocal changed
            driver: Any = connection.connection.driver_connection
            before = driver.total_changes
            done = job(connection)
            changed = driver.total_changes != before
            if changed:
                life.passes("before a commit", "commit")
            return done

        done = await super().run(mortal)
        if changed:
            life.passes("after a commit", "commit")
        return done

    def drop(self) -> None:
        """Let go of the file as the kernel does."""
        self._engine.dispose()
