"""A real registry to measure on: MLflow over PostgreSQL with many versions, and what it costs.

Place in the flow: P1, P2 and P3. CPU is that of MLflow's processes and of PostgreSQL's, dead ones
included, from /proc: what a look costs the registry, whoever else is busy on this machine.
"""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from processor.adapters.http import Http
from processor.adapters.ledgers import Ledger
from processor.adapters.registries.mlflow import MlflowRegistry
from processor.app.looks import _rhythm as rhythm
from processor.engine.clock import SystemClock
from processor.ports.log import EventLog
from processor.rules.pace import Rhythm
from processor.settings.load import Loaded, load
from processor.sources.pace import asked
from processor.sources.registry import RegistrySource
from tests.bench.installed import install
from tests.parts.mlflow import MlflowServer, running_mlflow
from tests.parts.postgres import Postgres, programs, running_postgres
from tests.parts.seeding import Size, seed

SMALL = Size(versions=1_000, models=100)
LARGE = Size(versions=50_000, models=1_000)
REGISTRY = "main"
WORKSPACE = "default"
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Bench:
    """A seeded registry; `postgres` holds its tables."""

    server: MlflowServer
    postgres: Postgres
    folder: Path

    def cpu(self) -> float:
        """Return the CPU seconds both have used so far."""
        return _group(self.server.pid) + _children(self.postgres.pid)

    def mlflow_cpu(self) -> float:
        """Return the CPU seconds MLflow alone has used so far."""
        return _group(self.server.pid)

    def __str__(self) -> str:
        """Name both."""
        postgres = f"PostgreSQL {self.postgres.version} pid {self.postgres.pid}"
        return f"MLflow {self.server.version} pid {self.server.pid} on {postgres}"


@contextmanager
def seeded(size: Size, environment: Mapping[str, str] | None = None) -> Iterator[Bench]:
    """Run a registry of that size."""
    found = programs()
    if found is None:
        raise SystemExit("bench: PostgreSQL is not installed here: `make parts` fetches it")
    folder = Path(tempfile.mkdtemp(prefix="sluice-bench-"))
    try:
        with running_postgres(found) as postgres:
            where = postgres.create("mlflow")
            with running_mlflow(folder, database=where, environment=environment) as server:
                seed(server, postgres, size)
                yield Bench(server, postgres, folder)
    finally:
        shutil.rmtree(folder)


@contextmanager
def with_basic_auth(bench: Bench, password: str) -> Iterator[Bench]:
    """Run a second server over the same tables, with MLflow's basic auth; the user is `admin`."""
    folder = bench.folder / "auth"
    folder.mkdir()
    environment = {
        "MLFLOW_FLASK_SERVER_SECRET_KEY": password,
        "MLFLOW_AUTH_ADMIN_PASSWORD": password,
    }
    with running_mlflow(
        folder,
        database=bench.server.database,
        environment=environment,
        arguments=("--app-name", "basic-auth"),
    ) as server:
        known = replace(server, version=bench.server.version)
        yield Bench(known, bench.postgres, bench.folder)  # our ledger knows these tables already


@dataclass(frozen=True)
class Looking:
    """Our source on a bench, over a real ledger that has made its baseline."""

    source: RegistrySource
    reader: MlflowRegistry
    ledger: Ledger
    clock: SystemClock

    def over(self, log: EventLog) -> RegistrySource:
        """Return another source that appends to this log."""
        return replace(self.source, log=log)


@asynccontextmanager
async def looking(bench: Bench, authorization: str = "") -> AsyncIterator[Looking]:
    """Open the ledger and read everything once."""
    clock = SystemClock()
    ledger = await Ledger.open(bench.folder / "sluice.db", REGISTRY, clock)
    auth = (lambda: {"Authorization": authorization}) if authorization else None
    try:
        async with Http(
            product="registry", base_url=bench.server.url, auth=auth, heard=asked
        ) as http:
            reader = MlflowRegistry(registry_id=REGISTRY, http=http)
            source = RegistrySource(
                registry_id=REGISTRY,
                workspaces=(WORKSPACE,),
                reader=reader,
                log=ledger.log,
                snapshots=ledger.snapshots,
                clock=clock,
                incarnation=str(ledger.incarnation),
            )
            await source.reconcile()
            yield Looking(source, reader, ledger, clock)
    finally:
        await ledger.close()


def settings(bench: Bench, **registry: str) -> Loaded:
    """Return the program's settings for a bench, all at their defaults but where things are."""
    more = "".join(f", {name}: {value}" for name, value in registry.items())
    folder = bench.folder
    return load(install(folder, bench.server.url, more=more))


def rhythms(bench: Bench) -> Mapping[str, Rhythm]:
    """Return the pace of the looks at the registry at default settings."""
    loaded = settings(bench)
    poll = loaded.settings.poll
    every = {
        "registry.changes": poll.changes,
        "registry.models": poll.models,
        "registry.reconcile": poll.reconcile,
    }
    return {name: rhythm(loaded, name, one) for name, one in every.items()}


def _group(leader: int) -> float:
    """Return the CPU seconds of a process group, those of its ended children included."""
    return sum(one.own + one.ended for one in _processes() if one.group == leader)


def _children(parent: int) -> float:
    """Return the CPU seconds of a process and its children, each a group of its own."""
    found = [one for one in _processes() if parent in (one.pid, one.parent)]
    return sum(one.own + (one.ended if one.pid == parent else 0.0) for one in found)


@dataclass(frozen=True)
class _Process:
    pid: int
    parent: int
    group: int
    own: float
    ended: float


def _processes() -> Iterator[_Process]:
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            text = (entry / "stat").read_text()
        except OSError:
            continue
        fields = text.rpartition(")")[2].split()  # from the state on: the name may hold anything
        times = [int(one) / _TICKS for one in fields[11:15]]
        yield _Process(
            int(entry.name), int(fields[1]), int(fields[2]), sum(times[:2]), sum(times[2:])
        )
