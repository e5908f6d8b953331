"""The processor of a drill: the real program over the drill's outside, killed at one point.

A point is a moment before or after a write to the outside, or before a commit that changes the
ledger. The n-th point sends SIGKILL to this very process: no handler, no flush, no goodbye.
Which points were passed is appended to a file, so that the drill can count them.
"""

import asyncio
import functools
import os
import pickle
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from sqlalchemy import Connection, Engine, event

from processor import log
from processor.adapters.forges.local import LocalForge
from processor.adapters.http import Http
from processor.adapters.ledgers import Ledger
from processor.adapters.ledgers.lock import held
from processor.adapters.registries.mlflow import MlflowRegistry
from processor.app.lifecycle import serve_over
from processor.app.outside import Outside
from processor.engine.clock import SystemClock
from processor.errors import Terminal, Unavailable
from processor.settings.load import load
from processor.testing.evaluator import MemoryEvaluator
from processor.values.proposal import Proposal
from tests.drills.guards import Guard, without
from tests.drills.world import Failed

WRITES = {
    "create_version",
    "set_stage",
    "set_alias",
    "remove_alias",
    "commit",
    "delete_branch",
    "open",
    "close",
    "merge",
    "set_status",
    "set_comment",
    "tell",
}


@dataclass
class Points:
    """Counts the points passed; the n-th, or the first of a name, is the last."""

    file: Path
    fatal: int | str
    passed: int = 0
    changes: int = 0

    def pass_(self, name: str) -> None:
        self.passed += 1
        last = self.fatal in {self.passed, name}
        with self.file.open("a") as out:
            out.write(f"{self.passed} {name}{' KILL' if last else ''}\n")
        if last:
            os.kill(os.getpid(), signal.SIGKILL)

    def before_commits(self) -> None:
        """Pass a point before each commit that changes something.

        The moment after one is the moment before the next write or commit, which has its own
        point: nothing durable lies between.
        """

        @event.listens_for(Engine, "commit")
        def _before(connection: Connection) -> None:
            driver: Any = connection.connection.driver_connection
            if getattr(driver, "total_changes", 0) != self.changes:
                self.changes = driver.total_changes
                self.pass_("before commit")


@dataclass(frozen=True)
class Remote:
    """A port of the drill's outside, by name; writes pass points."""

    session: aiohttp.ClientSession
    url: str
    points: Points

    def __getattr__(self, method: str) -> Callable[..., Awaitable[Any]]:
        if method.startswith("_"):
            raise AttributeError(method)
        return functools.partial(self._call, method)

    async def _call(self, method: str, *args: object) -> Any:
        if method in WRITES:
            self.points.pass_(f"before {method}")
        try:
            async with self.session.post(self.url, data=pickle.dumps((method, args))) as answer:
                result = pickle.loads(await answer.read())
        except aiohttp.ClientError as problem:
            raise Unavailable(self.url.rpartition("/")[2], str(problem)) from problem
        if method in WRITES:
            self.points.pass_(f"after {method}")
        if isinstance(result, Failed):
            product, _, reason = result.reason.partition(": ")
            raise Unavailable(product, reason) if result.outage else Terminal(result.reason)
        return result


@dataclass(frozen=True)
class Pointed:
    """A local part whose writes pass points; `blind` ones find nothing of their own."""

    part: Any
    points: Points
    blind: frozenset[str] = frozenset()

    def __getattr__(self, method: str) -> Any:
        found = getattr(self.part, method)
        if method in self.blind:
            return self._nothing
        if method not in WRITES:
            return found

        async def pointed(*args: object) -> Any:
            self.points.pass_(f"before {method}")
            result = await found(*args)
            self.points.pass_(f"after {method}")
            return result

        return pointed

    async def _nothing(self, *_: object) -> Sequence[Proposal] | None:
        return None if self.part.__class__.__name__ == "Remote" else ()


async def _serve(config: Path, world: str, points: Points, mlflow: str, off: Guard) -> None:
    """Run the program over the drill's outside; without memory, look-ups are blind too."""
    loaded, clock = load(config), SystemClock()
    async with (
        aiohttp.ClientSession() as session,
        Http(product="registry", base_url=mlflow) as http,
    ):
        registry: Any = Remote(session, f"{world}/registry", points)
        if mlflow:
            roots = {"mlflow-artifacts:/": "s3://models/"}
            real = MlflowRegistry(registry_id="main", http=http, artifact_roots=roots)
            registry = Pointed(real, points)
        forge = LocalForge(name="local", path=loaded.settings.forges["local"].local.path)
        reader: Any = Pointed(forge, points)
        if off == "memory":
            reader = Pointed(forge, points, frozenset({"find"}))
            registry = Pointed(registry, points, frozenset({"created_by"}))
        outside = Outside(
            registry=registry,
            registry_writer=registry,
            forges={"local": reader},
            forge_writers={"local": reader},
            clusters={"local": _typed(Remote(session, f"{world}/cluster", points))},
            endpoints={"log": _typed(Remote(session, f"{world}/channel", points))},
            evaluator=MemoryEvaluator(),
        )
        settings = loaded.settings
        ledger = await Ledger.open(settings.ledger.path, settings.registry.id, clock)
        await serve_over(loaded, without(off, ledger), outside, clock)


def _typed(part: Any) -> Any:
    return part


def main(
    config: Path, world: str, points: Path, fatal: int | str, *, off: Guard = "", mlflow: str = ""
) -> None:
    """Run until stopped or killed."""
    with (config.parent / "log.txt").open("a") as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
        log.set_up(pretty=False)
        passing = Points(points, fatal)
        passing.before_commits()
        with held(load(config).settings.ledger.path):
            asyncio.run(_serve(config, world, passing, mlflow, off))
