"""The ledger in our own hands, because no process runs.

Place in the flow: the CLI's switches use it. They must work when nothing else does, so they need
no sign-in; whoever may write the file may also pause it. Everything else is wished of a process.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from processor.adapters.ledgers import Ledger
from processor.adapters.ledgers.lock import held
from processor.adapters.ledgers.stamps import newest
from processor.app.switches import switches
from processor.commands.switches import Switches
from processor.engine.clock import SystemClock
from processor.errors import Terminal
from processor.ports.log import EventLog
from processor.ports.views import Views
from processor.ports.work import WorkReader
from processor.settings.load import Loaded


@dataclass(frozen=True, kw_only=True)
class Alone:
    """What may be read and wished while no process runs."""

    views: Views
    log: EventLog
    work: WorkReader
    wishes: Switches


@asynccontextmanager
async def open_alone(loaded: Loaded) -> AsyncIterator[Alone]:
    """Hold the ledger's lock and open it.

    Raises InUse when a process has it, Terminal when there is no ledger or it cannot be opened.
    """
    settings = loaded.settings
    if not settings.ledger.path.exists():
        raise Terminal(f"there is no ledger at {settings.ledger.path}")
    with held(settings.ledger.path):
        clock = SystemClock(not_before=newest(settings.ledger.path))
        ledger = await Ledger.open(settings.ledger.path, settings.registry.id, clock)
        try:
            yield Alone(
                views=ledger.views,
                log=ledger.log,
                work=ledger.counts,
                wishes=switches(loaded, ledger, clock, alone=True),
            )
        finally:
            await ledger.close()
