"""We, watching a registry: the real source and adapter over a real ledger, looked when told to.

Place in the flow: the drills of this folder. A source that is not running does not exist: leaving
`running` is what an end of the process leaves behind, entering it again a start.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, select

from processor.adapters.http import Http
from processor.adapters.ledgers import Ledger, rows, schema
from processor.adapters.registries.mlflow import MlflowRegistry
from processor.engine.clock import SystemClock
from processor.events import Event
from processor.ports.clock import Clock
from processor.ports.reading.registry import RegistryReader
from processor.sources.registry import RegistrySource

REGISTRY = "main"
WORKSPACE = "default"


@dataclass(frozen=True)
class Watching:
    """A running source and what its ledger holds."""

    source: RegistrySource
    ledger: Ledger

    async def look(self) -> None:
        """Look every way there is."""
        await self.source.look_changes()
        await self.source.look_models()
        await self.source.reconcile()

    async def events(self, after: int = 0) -> Sequence[Event]:
        """Return what was told, in order, without the first `after`."""

        def job(connection: Connection) -> Sequence[Event]:
            table = schema.event
            ordered = select(table).order_by(table.c.seq).offset(after)
            return [rows.recorded(row).event for row in connection.execute(ordered)]

        return await self.ledger.database.read(job)


def source_over(reader: RegistryReader, ledger: Ledger, clock: Clock) -> RegistrySource:
    """Return a source as a start of the process makes it."""
    return RegistrySource(
        registry_id=REGISTRY,
        workspaces=(WORKSPACE,),
        reader=reader,
        log=ledger.log,
        snapshots=ledger.snapshots,
        clock=clock,
        incarnation=str(ledger.incarnation),
    )


@asynccontextmanager
async def running(path: Path, url: str) -> AsyncIterator[Watching]:
    """Run over the ledger at `path`, which is made when there is none."""
    clock = SystemClock()
    ledger = await Ledger.open(path, REGISTRY, clock)
    try:
        async with Http(product="registry", base_url=url) as http:
            reader = MlflowRegistry(registry_id=REGISTRY, http=http)
            yield Watching(source_over(reader, ledger, clock), ledger)
    finally:
        await ledger.close()
