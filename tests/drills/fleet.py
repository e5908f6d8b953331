"""The outside world of many models: one registry, cluster and channel, several repositories.

It lives in the test's own process and is the judge; git is real and shared by the file system.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from processor.adapters.forges.local import create_repository
from processor.engine.clock import SystemClock
from processor.testing.cluster import MemoryCluster
from processor.testing.registry import MemoryRegistry
from processor.values.registry import VersionSeen
from processor.values.serving import Workload
from tests.drills.world import MANIFEST, Channel, answering, git, uri_in

PER_REPOSITORY = 2
_CONFIG = """\
mode: full
registry: {{id: main, url: "http://127.0.0.1:9", quiet: 0.5s}}
poll: {{changes: 0.1s, models: 0.5s, reconcile: 30s, proposals: 0.15s, rollouts: 0.25s}}
ledger: {{path: sluice.db}}
forges: {{local: {{local: {{path: forge, quiet: 1s}}}}}}
clusters: {{local: {{local: {{url: "http://127.0.0.1:9"}}}}}}
web: {{listen: "127.0.0.1:{port}", events_token_file: token, sign_in_file: sign-in.json}}
people: {{ana: {{}}, ben: {{}}}}
policies: ["policy-*.yaml"]
notify: {{log: ["evaluation.*", "promotion.*", "rollout.succeeded", "work.died"]}}
"""
_POLICY = """\
models: "{pattern}"
gates: [{{metric: accuracy, better: higher, at_least: 0.9}}]
targets:
  - name: production
    slot: {{forge: local, repository: {repository}}}
    edits:
      - file: "apps/production/{{model}}.yaml"
        set: {{spec.predictor.model.storageUri: "{{uri}}"}}
    cluster: local
    approval: {approval}
    rollout: {{deadline: 2h, stable: 0.05s}}
    registry: {{on_gates: ["stage:Staging"], on_serving: ["alias:champion"]}}
"""


@dataclass(frozen=True)
class Model:
    """One model; `asked`: people are asked before it is merged."""

    name: str
    group: int
    asked: bool

    @property
    def repository(self) -> str:
        return f"acme/gitops-{self.group}"

    @property
    def file(self) -> str:
        return f"apps/production/{self.name}.yaml"


def models(count: int) -> tuple[Model, ...]:
    """Return so many models; people are asked for every fourth group."""
    made = []
    for number in range(count):
        group = number // PER_REPOSITORY
        asked = group % 4 == 1
        made.append(Model(f"g{group}-m{number}", group, asked))
    return tuple(made)


@dataclass
class Fleet:
    """One outside, for one processor at a time."""

    folder: Path
    models: tuple[Model, ...]
    registry: MemoryRegistry
    cluster: MemoryCluster = field(default_factory=lambda: MemoryCluster(name="local"))
    channel: Channel = field(default_factory=Channel)
    url: str = ""

    def repository(self, model: Model) -> Path:
        return self.folder / "forge" / f"{model.repository}.git"

    def versions(self, model: Model) -> list[VersionSeen]:
        """Return what the registry holds of a model, in the order of creation."""
        found = self.registry._models.get(("default", model.name))
        return list(found.versions.values()) if found else []

    def configure(self, port: int) -> None:
        """Write what an operator and the model teams would have written."""
        (self.folder / "sluice.yaml").write_text(_CONFIG.format(port=port))
        (self.folder / "token").write_text("drill-token\n")
        for model in self.models:
            approval = "{people: [ana, ben], merge: sluice}" if model.asked else "automatic"
            (self.folder / f"policy-{model.group}.yaml").write_text(
                _POLICY.format(
                    pattern=f"g{model.group}-*", repository=model.repository, approval=approval
                )
            )

    async def follow(self) -> None:
        """Be the GitOps controller and the cluster: run what each main says."""
        seen: dict[str, str] = {}
        while True:
            for model in self.models:
                repository = self.repository(model)
                tip = (repository / "refs" / "heads" / "main").read_text()
                if seen.get(model.name) != tip:
                    text = await git(repository, "show", f"{tip.strip()}:{model.file}")
                    if uri := uri_in(text):
                        workload = Workload("local", "InferenceService", model.name, "default")
                        self.cluster.apply(workload, uri)
                        self.cluster.serve(workload)
                    seen[model.name] = tip
            await asyncio.sleep(0.03)


@asynccontextmanager
async def open_fleet(folder: Path, of: tuple[Model, ...]) -> AsyncIterator[Fleet]:
    """Open one outside: repositories with every model's manifest, and the HTTP side of the rest."""
    fleet = Fleet(folder, of, MemoryRegistry(registry_id="main", clock=SystemClock()))
    for group in {model.group for model in of}:
        files = {
            model.file: MANIFEST.replace(b"fraud", model.name.encode())
            for model in of
            if model.group == group
        }
        repository = fleet.folder / "forge" / "acme" / f"gitops-{group}.git"
        repository.parent.mkdir(parents=True, exist_ok=True)
        await create_repository(repository, files, "Begin the GitOps repository")
    parts = {"registry": fleet.registry, "cluster": fleet.cluster, "channel": fleet.channel}
    async with answering(parts) as fleet.url:
        following = asyncio.create_task(fleet.follow())
        try:
            yield fleet
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
