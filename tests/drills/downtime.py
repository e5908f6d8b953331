"""The whole program over a world in memory and in virtual time, started and stopped at will.

Place in the flow: a `Lives` keeps one ledger file and one outside; `life()` is one process that is
stopped in good order, and what passes between two of them is downtime. Run inside `virtually`.
"""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from processor.adapters.ledgers import Ledger
from processor.app.lifecycle import live
from processor.app.outside import Outside
from processor.app.program import Program, assemble
from processor.events import Event
from processor.rules.slots import slot_of, workload_of
from processor.settings.load import Loaded, load
from processor.testing.cluster import MemoryCluster
from processor.testing.evaluator import MemoryEvaluator
from processor.testing.forge import MemoryForge
from processor.testing.registry import MemoryRegistry
from processor.values.slot import Repository
from processor.values.version import Version
from tests.simulation.loop import VirtualClock

WHERE = Repository("local", "acme/gitops", "main")
CONFIG = """\
mode: {mode}
registry: {{id: main, url: "http://127.0.0.1:9"}}
poll: {{changes: 1s, models: 10s, proposals: 2s, rollouts: 2s}}
ledger: {{path: sluice.db}}
forges: {{local: {{local: {{path: forge}}}}}}
clusters:
  staging: {{local: {{url: "http://127.0.0.1:9"}}}}
  production: {{local: {{url: "http://127.0.0.1:9"}}}}
people: {{ana: {{}}, ben: {{}}}}
policies: [policy-*.yaml]
"""
MANIFEST = "kind: InferenceService\nmetadata: {{name: {}}}\nspec: {{uri: ''}}\n"


@dataclass
class Channel:
    """An endpoint that keeps what it is told."""

    told: list[str] = field(default_factory=list)

    async def tell(self, effect_key: str, text: str) -> None:
        del effect_key
        self.told.append(text)


@dataclass
class Lives:
    """`policies` are policy texts by model; every model has a manifest at both targets.

    A target's cluster has its name.
    """

    folder: Path
    policies: dict[str, str]
    clock: VirtualClock = field(default_factory=VirtualClock)
    channel: Channel = field(default_factory=Channel)

    def __post_init__(self) -> None:
        self.registry = MemoryRegistry(registry_id="main", clock=self.clock)
        self.forge = MemoryForge("local", self.clock.now)
        self.clusters = {name: MemoryCluster(name=name) for name in ("staging", "production")}
        self.forge.create_repository(
            WHERE,
            {
                f"apps/{target}/{model}.yaml": MANIFEST.format(model).encode()
                for target in self.clusters
                for model in self.policies
            },
        )
        for model, text in self.policies.items():
            (self.folder / f"policy-{model}.yaml").write_text(f"models: {model}\n{text}")

    def loaded(self, mode: str = "full") -> Loaded:
        (self.folder / "sluice.yaml").write_text(CONFIG.format(mode=mode))
        return load(self.folder / "sluice.yaml")

    @asynccontextmanager
    async def life(self, mode: str = "full") -> AsyncIterator[Program]:
        """Be one process, from its start to its orderly stop."""
        loaded = self.loaded(mode)
        path = loaded.settings.ledger.path
        ledger = await Ledger.open(path, "main", self.clock, inline=True)
        outside = Outside(
            registry=self.registry,
            registry_writer=self.registry,
            forges={"local": self.forge},
            forge_writers={"local": self.forge},
            clusters=self.clusters,
            endpoints={"log": self.channel},
            evaluator=MemoryEvaluator(),
        )
        program = assemble(loaded, ledger, outside, self.clock)
        running = asyncio.create_task(live(program))
        try:
            yield program
            program.stopping.set()
            program.worker.planned.set()
            await running
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await ledger.close()

    # --- what people and machines do --------------------------------------------------------

    def train(self, model: str, run: str, accuracy: str = "0.95") -> None:
        """Be a pipeline that registers what it trained."""
        self.registry.finish_run("default", run, metrics={"accuracy": accuracy}, user="tara")
        self.registry.register("default", model, run)

    async def deploy(self, model: str, target: str) -> str:
        """Be the GitOps controller: run and serve what main says; return that."""
        policy = self.loaded().policies.ruling("default", model)
        where = policy.target(target) if policy else None
        assert where is not None
        slot = slot_of(where, model)
        text = await self.forge.read(WHERE, await self.forge.head(WHERE), slot.file) or b""
        uri = text.decode().partition("uri: ")[2].strip("}\n'\" ")
        self.clusters[where.cluster].apply(workload_of(where, model), uri)
        self.clusters[where.cluster].serve(workload_of(where, model))
        return uri

    # --- the other side is the judge, and the file beside it --------------------------------

    def told(self, kind: str, model: str = "", **data: str) -> list[dict[str, Any]]:
        """Return the data of the events of a kind about a model, in order of place."""
        found = self._select(
            "SELECT model_key, data FROM event WHERE type = ? ORDER BY pos", f"sluice.{kind}.v1"
        )
        told = [
            json.loads(text) for key, text in found if not model or key == f"main/default/{model}"
        ]
        return [one for one in told if all(one.get(name) == value for name, value in data.items())]

    def work(self, state: str) -> int:
        """Return how many rows of work are in a state."""
        return int(self._select("SELECT count(*) FROM work WHERE state = ?", state)[0][0])

    def version(self, model: str, number: str = "1") -> Version:
        """Return a version as the registry has it."""
        return self.registry._models["default", model].versions[number].version

    def _select(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        path = f"file:{self.folder / 'sluice.db'}?mode=ro"
        with closing(sqlite3.connect(path, uri=True)) as connection:
            return connection.execute(query, values).fetchall()


async def say(program: Program, event: Event) -> None:
    """Let something be said to the running process, as its API does."""
    await program.site.log.append([event])
