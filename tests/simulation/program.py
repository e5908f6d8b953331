"""The whole program in a simulation: started, crashed, started again from its file.

Place in the flow: `simulated` opens a world, puts wires between it and the program that
`app/program.assemble` makes, and keeps the program running; tests and actors reach into the
running process with `ask`, as HTTP requests would.
"""

import asyncio
import sqlite3
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import structlog

from processor.adapters.ledgers import Ledger, database, migrations
from processor.app.lifecycle import live
from processor.app.outside import Outside
from processor.app.program import Program, assemble
from processor.events.codec import decode_foreign
from processor.settings.load import Loaded
from tests.simulation.life import LIFE, End, Life, Mortal, remembered
from tests.simulation.loop import VirtualClock, VirtualLoop
from tests.simulation.plan import Plan
from tests.simulation.wire import Weather, Wires
from tests.simulation.world import World

T = TypeVar("T")

_UNFINISHED = """
SELECT (SELECT count(*) FROM work WHERE state IN ('ready', 'running', 'waiting'))
     + (SELECT count(*) FROM event WHERE pos IS NULL OR dispatched = 0)
"""
_HOPELESS = 5  # ends by itself: it does so again and again
_SENDING = "SELECT count(*) FROM effect WHERE state = 'sending'"


class Unreachable(Exception):
    """The process is not there, or died before it answered."""


@dataclass
class Deaths:
    """How the process died: how often, where, and on what."""

    crashes: int = 0
    unfinished: int = 0
    sending: int = 0
    stops: int = 0
    where: Counter[str] = field(default_factory=Counter)


@dataclass
class Simulation:
    """One program over one world; see `tests/simulation/__init__.py`."""

    folder: Path
    plan: Plan
    loaded: Loaded
    clock: VirtualClock
    weather: Weather
    world: World
    wires: Wires
    part: Callable[[str, Any], Any] = lambda _, part: part
    over: Callable[[Ledger], Ledger] = lambda ledger: ledger
    deaths: Deaths = field(default_factory=Deaths)
    program: Program | None = None
    ledger: Ledger | None = None
    life: Life | None = None
    failures: list[Exception] = field(default_factory=list)
    mean_points: int = 0
    routes: Sequence[Any] = ()
    _stopped: bool = False
    _later: dict["asyncio.Task[None]", None] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """Return where the ledger is."""
        return self.loaded.settings.ledger.path

    # --- reaching into the process ----------------------------------------------------------

    async def ask(self, wish: Callable[[Program], Awaitable[T]], *, every: float = 1.0) -> T:
        """Call something inside the process; ask again until it lives to answer."""
        while True:
            if len(self.failures) > _HOPELESS:
                raise ExceptionGroup("the program keeps ending by itself", self.failures)
            try:
                return await self.ask_once(wish)
            except Unreachable:
                await asyncio.sleep(every)

    async def ask_once(self, wish: Callable[[Program], Awaitable[T]]) -> T:
        """Call something inside the process. Raises Unreachable when it dies of it."""
        life, program = self.life, self.program
        if life is None or program is None or life.dead:
            raise Unreachable

        async def asked() -> T:
            return await wish(program)

        task = asyncio.get_running_loop().create_task(asked(), context=life.context.copy())
        await asyncio.wait({task})
        if task.cancelled() or life.dead:
            raise Unreachable
        return task.result()

    async def emit(
        self, model: str, run: str, *, registration: str = "please", event_id: str = ""
    ) -> None:
        """Be the pipeline: say that a run is done, until somebody has it."""
        data = {"run_id": run, "model": model, "registration": registration}
        await self.say("sluice.training.completed.v1", event_id or f"done-{run}", data)

    async def say(self, kind: str, event_id: str, data: dict[str, Any]) -> None:
        """Be another system: send a CloudEvent to the inbox, until somebody has it."""
        attributes = {"specversion": "1.0", "id": event_id, "source": "/pipelines", "type": kind}
        event = decode_foreign(
            attributes, data, registry_id="main", awaited=self.loaded.policies.awaited_types
        )
        if not self.plan.answers_first:
            await self.ask(lambda program: program.site.log.append([event]))
            return

        async def answers_first(program: Program) -> None:
            async def later() -> None:
                await asyncio.sleep(1)
                await program.site.log.append([event])

            self._later[asyncio.create_task(later())] = None

        await self.ask(answers_first)

    # --- looking ---------------------------------------------------------------------------

    def select(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the ledger file, whether or not the process runs."""
        with closing_connection(self.path) as connection:
            return connection.execute(query, values).fetchall()

    def count(self, kind: str) -> int:
        """Return how many events of a kind (`rollout.succeeded`) there are."""
        query = "SELECT count(*) FROM event WHERE type = ?"
        return int(self.select(query, f"sluice.{kind}.v1")[0][0])

    async def until(self, holds: Callable[[], bool], *, within: float, every: float = 1.0) -> float:
        """Wait until something holds; return the seconds it took. Raises TimeoutError."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while not holds():
            if loop.time() - began > within:
                raise TimeoutError(f"not within {within:g} virtual seconds")
            await asyncio.sleep(every)
        return loop.time() - began

    def unfinished(self) -> int:
        """Return how many rows and events still wait for the program."""
        return int(self.select(_UNFINISHED)[0][0])

    # --- living and dying ------------------------------------------------------------------

    def change_mode(self, mode: str) -> None:
        """Be the operator who writes another mode into the file and restarts the process."""
        self.loaded = self.plan.write(self.folder, mode)
        self.stop()

    def crash(self) -> None:
        """Kill the process now, if it lives."""
        if self.life is not None:
            self.life.kill("told to")

    async def restarted(self) -> None:
        """Wait until the process is up again."""
        while self.program is None or self.life is None or self.life.dead:
            await asyncio.sleep(0.1)

    def stop(self) -> None:
        """Ask the process to stop, as SIGTERM does; it is started again."""
        if self.program is not None:
            self.program.stopping.set()
            self.program.worker.planned.set()

    async def keep_running(self) -> None:
        """Start the process, and start it again whenever it is gone."""
        rng = self.plan.rng("lives")
        while True:
            await self._one_life(rng)
            if self._stopped:
                return
            await asyncio.sleep(_downtime(rng))

    async def end(self) -> None:
        """Stop for good."""
        self._stopped = True
        self.stop()
        while self.life is not None:
            await asyncio.sleep(0.1)
            self.stop()

    async def _one_life(self, rng: Random) -> None:
        """Live once."""
        loop = asyncio.get_running_loop()
        end = End.drawn(rng, self.mean_points) if self.mean_points else End()
        life = self.life = Life(end)
        running = loop.create_task(self._live(), context=life.context)
        ending = loop.create_task(life.ended.wait())
        await asyncio.wait({running, ending}, return_when=asyncio.FIRST_COMPLETED)
        ending.cancel()
        self.program = self.ledger = None
        while life.tasks:
            for task in life.tasks:
                task.cancel()
            await asyncio.sleep(0)
        for connection in life.connections:
            connection.drop()
        self._count(life)
        if not life.dead and not running.cancelled() and (error := running.exception()):
            if not isinstance(error, Exception):
                raise error
            self.failures.append(error)
        life.ended.set()
        self.life = None

    async def _live(self) -> None:
        """Be the process: what `app/lifecycle.serve_over` does, without the web server."""
        ledger = await Ledger.open(self.path, "main", self.clock, inline=True)
        ledger = self.over(ledger)
        life = LIFE.get()
        assert life is not None
        self.program = assemble(self.loaded, ledger, self._outside(life), self.clock)
        self.ledger = ledger
        self.routes = self.program.worker.routes
        await live(self.program)
        await ledger.close()

    def _outside(self, life: Life) -> Outside:
        """Return the world behind wires."""

        def wired(product: str, part: object) -> Any:
            return self.part(product, self.wires.to(product, part, life))

        registry = wired("registry", self.world.registry)
        forge = wired("forge local", self.world.forge)
        return Outside(
            registry=registry,
            registry_writer=registry,
            forges={"local": forge},
            forge_writers={"local": forge},
            clusters={
                name: wired(f"cluster {name}", cluster)
                for name, cluster in self.world.clusters.items()
            },
            endpoints={"log": wired("log", self.world.channel)},
            evaluator=wired("evaluator", self.world.evaluator),
        )

    def _count(self, life: Life) -> None:
        """Look at what the dead left behind."""
        if not life.dead:
            self.deaths.stops += 1
            return
        self.deaths.crashes += 1
        self.deaths.where[life.where] += 1
        with suppress(sqlite3.OperationalError):  # it died before it had tables
            self.deaths.unfinished += self.unfinished() > 0
            self.deaths.sending += int(self.select(_SENDING)[0][0]) > 0


def _downtime(rng: Random) -> float:
    """Return how long nobody is there: mostly moments, sometimes longer than a quiet window."""
    return rng.choices(
        [rng.uniform(0.05, 1), rng.uniform(1, 10), rng.uniform(60, 120)], [70, 25, 5]
    )[0]


@contextmanager
def closing_connection(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the ledger file to read, beside everybody else."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        yield connection
    finally:
        connection.close()


@cache
def _empty_ledger() -> bytes:
    """Return a ledger file with today's tables: Alembic need not run for every seed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sluice.db"
        migrations.upgrade(path)
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        return path.read_bytes()


@contextmanager
def quiet_log() -> Iterator[None]:
    """Say nothing on stderr: a simulation logs more in a second than anybody reads."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    try:
        yield
    finally:
        structlog.configure(**before)


@contextmanager
def mortal_ledgers() -> Iterator[None]:
    """Let every ledger opened inside belong to the life that opened it."""
    before = database._Inline
    database._Inline = Mortal  # type: ignore[misc]
    try:
        yield
    finally:
        database._Inline = before  # type: ignore[misc]


@asynccontextmanager
async def simulated(folder: Path, plan: Plan, **parts: Any) -> AsyncIterator[Simulation]:
    """Run a program over a world until the block is left; see `tests/simulation/__init__.py`.

    `parts` replaces fields of the simulation: `part` wraps a wire, `over` a ledger (controls).
    """
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop), "simulations run inside `virtually`"
    loop.set_task_factory(remembered)
    clock = VirtualClock()
    world = World(clock, plan.rng("world"), plan.models, tuple(plan.targets))
    weather = Weather(plan.faults, plan.settled_within)
    wires = Wires(plan.rng("wire"), weather, world.start)
    loaded = plan.write(folder)
    sim = Simulation(folder, plan, loaded, clock, weather, world, wires, **parts)
    sim.mean_points = plan.mean_points
    sim.path.write_bytes(_empty_ledger())
    loop.between = lambda: sim.life.round() if sim.life else None
    with quiet_log(), mortal_ledgers():
        running = world.started(sim.keep_running())
        following = world.started(world.follow_main())
        try:
            await sim.restarted()
            yield sim
            await sim.end()
        finally:
            sim.crash()
            for task in (running, following, *world.tasks):
                task.cancel()
            await asyncio.gather(*world.tasks, return_exceptions=True)
            loop.between = None
    assert not world.broken, world.broken
