"""Start, run, drain, stop.

Place in the flow: the CLI's `run` ends here. One TaskGroup; SIGTERM and SIGINT set `stopping`,
turns under way finish, the rest is cancelled, what is left is picked up by the next start.
"""

import asyncio
import gc
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from processor import log
from processor.adapters.ledgers import Ledger
from processor.adapters.ledgers.lock import held
from processor.adapters.ledgers.stamps import newest
from processor.app.outside import Outside, open_outside
from processor.app.program import Program, assemble
from processor.engine.clock import SystemClock
from processor.ports.clock import Clock
from processor.ports.log import EventLog
from processor.ports.views import Views
from processor.ports.work import WorkReader
from processor.settings.load import Loaded
from processor.web.server import serving

_YOUNG = 20_000  # new objects until the collector looks at them


def spare_collections() -> None:
    """Let Python look for garbage less often, and never in what a start leaves behind.

    Hardly anything we make is a cycle: every look at the usual pace costs a seventh of all time
    under load, and finds nothing.
    """
    gc.freeze()
    gc.set_threshold(_YOUNG, 20, 20)


def run(loaded: Loaded) -> int:
    """Run until told to stop; return the exit code. Raises Terminal when it cannot start."""
    spare_collections()
    with held(loaded.settings.ledger.path):
        asyncio.run(_with_outside(loaded))
    return 0


async def _with_outside(loaded: Loaded) -> None:
    """Run over the configured outside."""
    async with open_outside(loaded) as outside:
        stamped = await asyncio.to_thread(newest, loaded.settings.ledger.path)
        await serve(loaded, outside, SystemClock(not_before=stamped))


async def serve(loaded: Loaded, outside: Outside, clock: Clock) -> None:
    """Run over any outside until SIGTERM or SIGINT."""
    settings = loaded.settings
    ledger = await Ledger.open(settings.ledger.path, settings.registry.id, clock)
    await serve_over(loaded, ledger, outside, clock)


async def serve_over(loaded: Loaded, ledger: Ledger, outside: Outside, clock: Clock) -> None:
    """Run over an open ledger, and close it."""
    settings = loaded.settings
    try:
        program = assemble(loaded, ledger, outside, clock)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, program.stopping.set)
        async with serving(program.site, host=settings.web.host, port=settings.web.port) as url:
            log.say("started", url=url, mode=str(settings.modes), ledger=str(settings.ledger.path))
            await live(program)
    finally:
        await ledger.close()
    log.say("stopped")


async def live(program: Program) -> None:
    """Run every task; end when the worker has drained. Simulations run a program by it too."""
    tasks: list[asyncio.Task[None]] = []
    async with asyncio.TaskGroup() as group:
        tasks += [group.create_task(_forever(task)) for task in program.tasks]
        program.readiness.phase = "ready"
        worker = group.create_task(program.worker.run(), name="worker")
        await program.stopping.wait()
        program.readiness.phase = "draining"
        log.say("draining")
        program.worker.planned.set()
        await worker
        for task in tasks:
            task.cancel()


async def _forever(task: Callable[[], Awaitable[None]]) -> None:
    """Run one task as a coroutine of its own."""
    await task()


@dataclass(frozen=True, kw_only=True)
class Reader:
    """The ledger, to read only."""

    views: Views
    log: EventLog
    work: WorkReader


@asynccontextmanager
async def open_reader(loaded: Loaded) -> AsyncIterator[Reader]:
    """Open the ledger without a running process. Raises Terminal when there is none."""
    ledger = await Ledger.open_readonly(loaded.settings.ledger.path, SystemClock())
    try:
        yield Reader(views=ledger.views, log=ledger.log, work=ledger.counts)
    finally:
        await ledger.close()
