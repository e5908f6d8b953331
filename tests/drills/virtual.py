"""The whole program in virtual time over an outside in memory, every call to it counted.

For drills that take hours and judge by the outside: what was asked of whom, and what was written.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from processor import events as e
from processor.adapters.ledgers import Ledger
from processor.app.lifecycle import live
from processor.app.outside import Outside
from processor.app.program import Program, assemble
from processor.settings.load import load
from processor.testing.channel import MemoryChannel
from processor.testing.cluster import MemoryCluster
from processor.testing.evaluator import MemoryEvaluator
from processor.testing.forge import MemoryForge
from processor.testing.registry import MemoryRegistry
from processor.values.about import About
from processor.values.principal import Principal
from processor.values.serving import Workload
from processor.values.slot import Repository
from tests.simulation.loop import VirtualClock

WHERE = Repository("local", "acme/gitops", "main")
ANA = Principal("ana", "authenticated")
_CONFIG = """\
mode: full
registry: {id: main, url: "http://registry.invalid", quiet: 30s}
poll: {changes: 2s, models: 30s, reconcile: 15m, proposals: 5s, rollouts: 5s}
ledger: {path: sluice.db}
forges: {local: {local: {path: forge, quiet: 60s}}}
clusters: {prod: {local: {url: "http://prod.invalid"}}}
web: {listen: "127.0.0.1:0", events_token_file: token, sign_in_file: sign-in.json}
people: {ana: {}}
policies: ["policy.yaml"]
notify: {log: ["promotion.*", "rollout.succeeded", "work.died", "writes.*"]}
"""
_POLICY = """\
models: "m*"
gates: [{metric: accuracy, better: higher, at_least: 0.9}]
targets:
  - name: production
    slot: {forge: local, repository: acme/gitops}
    edits:
      - file: "apps/{model}.yaml"
        set: {spec.predictor.model.storageUri: "{uri}"}
    cluster: prod
    approval: automatic
    rollout: {deadline: 5h, stable: 5s}
    registry: {on_gates: ["stage:Staging"], on_serving: ["alias:champion"]}
"""
_MANIFEST = """\
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: {model}
spec:
  predictor:
    model:
      modelFormat:
        name: mlflow
      storageUri: ""
"""
_UNSETTLED = {"ready", "running", "waiting"}


@dataclass
class Wire:
    """A part whose calls are counted, and which may be out of reach: `trouble` comes before."""

    part: Any
    calls: Counter[str] = field(default_factory=Counter)
    trouble: Callable[[], Awaitable[None]] | None = None

    def __getattr__(self, method: str) -> Callable[..., Awaitable[Any]]:
        if method.startswith("_"):
            raise AttributeError(method)
        found = getattr(self.part, method)

        async def call(*args: object) -> Any:
            self.calls[method] += 1
            if self.trouble is not None:
                await self.trouble()
            return await found(*args)

        return call


@dataclass
class Bench:
    """One outside and the program over it; `models` may be as many as a drill likes."""

    folder: Path
    models: tuple[str, ...]
    clock: VirtualClock = field(default_factory=VirtualClock)

    def __post_init__(self) -> None:
        self.registry = MemoryRegistry(registry_id="main", clock=self.clock)
        self.forge = MemoryForge("local", self.clock.now)
        self.cluster = MemoryCluster(name="prod")
        self.channel = MemoryChannel(name="log")
        self.forge.create_repository(
            WHERE, {f"apps/{m}.yaml": _MANIFEST.format(model=m).encode() for m in self.models}
        )
        self.wires = {
            "registry": Wire(self.registry),
            "forge local": Wire(self.forge),
            "cluster prod": Wire(self.cluster),
            "endpoint log": Wire(self.channel),
        }
        (self.folder / "sluice.yaml").write_text(_CONFIG)
        (self.folder / "policy.yaml").write_text(_POLICY)
        (self.folder / "token").write_text("token\n")
        self.loaded = load(self.folder / "sluice.yaml")

    async def start(self) -> None:
        """Start the process over its file."""
        self.ledger = await Ledger.open(self.folder / "sluice.db", "main", self.clock, inline=True)
        registry: Any = self.wires["registry"]
        forge: Any = self.wires["forge local"]
        cluster: Any = self.wires["cluster prod"]
        channel: Any = self.wires["endpoint log"]
        outside = Outside(
            registry=registry,
            registry_writer=registry,
            forges={"local": forge},
            forge_writers={"local": forge},
            clusters={"prod": cluster},
            endpoints={"log": channel},
            evaluator=MemoryEvaluator(),
        )
        self.program: Program = assemble(self.loaded, self.ledger, outside, self.clock)
        self._living = asyncio.create_task(live(self.program))

    async def stop(self) -> None:
        """Stop it as an operator does."""
        self.program.stopping.set()
        await self._living
        await self.ledger.close()

    # --- what people and pipelines do ----------------------------------------------------------

    def register(self, model: str, run: str) -> None:
        """Let a run end well and somebody register its model."""
        self.registry.finish_run("default", run, metrics={"accuracy": "0.95"})
        self.registry.register("default", model, run)

    async def pause(self, model_key: str = "", times: int = 1) -> None:
        kind = e.WritesPaused
        head = kind.heading(About.keyed(model_key or "main"), f"pause-{times}", actor=ANA)
        await self.ledger.log.append([kind(head=head, model_key=model_key, reason="3 a.m.")])

    async def resume(self, model_key: str = "", times: int = 1) -> None:
        kind = e.WritesResumed
        head = kind.heading(About.keyed(model_key or "main"), f"resume-{times}", actor=ANA)
        await self.ledger.log.append([kind(head=head, model_key=model_key)])

    async def _follow_main(self) -> None:
        """Be the GitOps controller and the cluster: run what main says."""
        applied: dict[str, str] = {}
        while True:
            await asyncio.sleep(3)
            it = self.forge._repositories[WHERE.name]
            files = it.commits[it.branches[WHERE.branch]].files
            for model in self.models:
                lines = files[f"apps/{model}.yaml"].decode().splitlines()
                line = next(line for line in lines if "storageUri" in line)
                uri = line.partition(":")[2].strip().strip('"')
                if uri and uri != applied.get(model):
                    applied[model] = uri
                    workload = Workload("prod", "InferenceService", model, "default")
                    self.cluster.apply(workload, uri)
                    self.cluster.serve(workload)

    # --- what there is to see ------------------------------------------------------------------

    @property
    def writes(self) -> list[str]:
        """Return what was written to registry and forge, by us."""
        marks = [
            f"{one.field} of {one.model}: {one.value}"
            for one in self.registry.wrote
            if one.by == "sluice"
        ]
        return [*(what for what, _ in self.forge.writes), *marks]

    @property
    def told(self) -> list[str]:
        """Return the effect keys of what people were told."""
        return [key for key, _ in self.channel.told]

    def serving(self) -> set[str]:
        """Return the models with a champion in the registry."""
        seen = self.registry._models.items()
        return {name for (_, name), model in seen if "champion" in model.aliases}

    async def select(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the ledger's tables."""

        def job(connection: Connection) -> list[tuple[Any, ...]]:
            return [tuple(row) for row in connection.execute(text(query))]

        return await self.ledger.database.read(job)

    async def rows(self) -> Counter[str]:
        """Return work rows by state."""
        return Counter((await self.ledger.counts.summary()).work)

    async def until_quiet(self, *, within: float) -> float:
        """Wait until every model serves and no row is left; return after how many seconds."""
        began = self.clock.steady()
        while self.clock.steady() - began < within:
            rows = await self.rows()
            if self.serving() == set(self.models) and not _UNSETTLED & set(+rows):
                return self.clock.steady() - began
            await asyncio.sleep(1)
        missing = sorted(set(self.models) - self.serving())
        raise AssertionError(f"not quiet after {within:g} s: {await self.rows()}, {missing[:5]}")


@asynccontextmanager
async def running(folder: Path, models: int) -> AsyncIterator[Bench]:
    """Run the program over a fresh outside."""
    bench = Bench(folder, tuple(f"m{number}" for number in range(models)))
    following = asyncio.create_task(bench._follow_main())
    await bench.start()
    try:
        yield bench
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await bench.stop()
