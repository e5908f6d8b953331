"""The outside in memory: registry, forge, cluster, a channel, and a GitOps controller.

Place in the flow: `program` puts wires between it and the program; people and pipelines act on it
directly. Each part remembers who wrote what, so the outside alone can judge what was done.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context
from dataclasses import dataclass, field
from random import Random
from typing import Any

from processor.errors import SluiceError
from processor.testing.cluster import MemoryCluster
from processor.testing.evaluator import MemoryEvaluator
from processor.testing.forges.github import GitHubLike
from processor.testing.registry import MemoryRegistry, Write
from processor.testing.repository import MemoryRepository
from processor.values.proposal import Proposal
from processor.values.registry import VersionSeen
from processor.values.serving import Workload
from processor.values.slot import Repository
from tests.simulation.loop import VirtualClock

WHERE = Repository("local", "acme/gitops", "main")
_MANIFEST = """\
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: {model}
  labels:
    model-version: "0"
spec:
  predictor:
    model:
      modelFormat:
        name: mlflow
      storageUri: ""
"""


@dataclass
class Channel:
    """Who was told what, by effect key, in the order it arrived."""

    told: list[tuple[str, str]] = field(default_factory=list)

    async def tell(self, effect_key: str, text: str) -> None:
        self.told.append((effect_key, text))


@dataclass(frozen=True)
class Wrote:
    """One change in the registry, told in full: alias changes have no number of their own."""

    at: float
    by: str
    model: str
    number: str
    field: str
    value: str
    run: str = ""


@dataclass(kw_only=True)
class TellingRegistry(MemoryRegistry):
    """A registry that tells of every change what the judge needs."""

    log: list[Wrote] = field(default_factory=list)

    def _register(
        self, by: str, workspace: str, model: str, run_id: str, source: str, effect_key: str
    ) -> VersionSeen:
        made = super()._register(by, workspace, model, run_id, source, effect_key)
        number = made.version.number
        self._tell(Wrote(_now(), by, model, number, "version", number, run_id))
        return made

    def _stage(self, write: Write, number: str) -> None:
        super()._stage(write, number)
        self._tell(Wrote(_now(), write.by, write.model, number, "stage", write.value))

    def _point(self, write: Write) -> None:
        super()._point(write)
        self._tell(Wrote(_now(), write.by, write.model, "", write.field, write.value))

    def delete_version(
        self, workspace: str, model: str, number: str, *, by: str = "person"
    ) -> None:
        aliases = dict(self._models[workspace, model].aliases)
        super().delete_version(workspace, model, number, by=by)
        self._tell(Wrote(_now(), by, model, number, "deleted", number))
        for alias, named in aliases.items():
            if named == number:
                self._tell(Wrote(_now(), by, model, "", f"alias:{alias}", ""))

    def _tell(self, wrote: Wrote) -> None:
        self.log.append(wrote)


def _now() -> float:
    return asyncio.get_running_loop().time()


class LaggingForge(GitHubLike):
    """A forge whose list sometimes shows a new pull request some seconds late.

    `refuse_duplicate`: a branch with an open pull request gets no second one.
    """

    refuse_duplicate: bool = False
    lags: Callable[[], float] = staticmethod(lambda: 0.0)
    later: Callable[[float, Callable[[], None]], object]

    async def open(
        self, where: Repository, branch: str, title: str, body: str, promotion_id: str
    ) -> Proposal:
        lag = self.lags()
        self.list_late = lag > 0
        try:
            return await super().open(where, branch, title, body, promotion_id)
        finally:
            self.list_late = False
            if lag:
                self.later(lag, self.settle)

    async def _admit(self, it: MemoryRepository, where: Repository, branch: str) -> None:
        if self.refuse_duplicate:
            await super()._admit(it, where, branch)


@dataclass
class World:
    """Everything that is not the program. `troubled` is how likely a rollout has trouble."""

    clock: VirtualClock
    rng: Random
    models: tuple[str, ...]
    targets: tuple[str, ...] = ("production", "staging")
    troubled: float = 0.0
    tasks: dict["asyncio.Task[None]", None] = field(default_factory=dict)
    trained: dict[str, str] = field(default_factory=dict)
    broken: list[BaseException] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.registry = TellingRegistry(registry_id="main", clock=self.clock)
        self.forge = LaggingForge("local", self.clock.now)
        self.forge.later = lambda lag, then: asyncio.get_running_loop().call_later(lag, then)
        self.clusters = {name: MemoryCluster(name=name) for name in self.targets}
        self.channel = Channel()
        self.evaluator = MemoryEvaluator()
        self._applied: dict[str, str] = {}
        self.forge.create_repository(
            WHERE,
            {
                f"apps/{target}/{model}.yaml": _MANIFEST.format(model=model).encode()
                for target in self.targets
                for model in self.models
            },
        )

    def start(self, coro: Coroutine[Any, Any, None]) -> None:
        """Run something of the outside: it outlives every crash of the program."""
        _ = self.started(coro)

    def started(self, coro: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Run something of the outside, and return it to be waited for."""
        task = asyncio.get_running_loop().create_task(coro, context=Context())
        self.tasks[task] = None
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[None]") -> None:
        del self.tasks[task]
        if not task.cancelled() and (error := task.exception()) is not None:
            self.broken.append(error)

    def train(
        self, run: str, *, accuracy: str = "0.95", loss: str = "0.3", user: str = "tara"
    ) -> None:
        """Be a training run that ends well; `user` is who MLflow says started it."""
        self.trained[run] = user
        metrics = {"accuracy": accuracy, "loss": loss}
        self.registry.finish_run("default", run, metrics=metrics, user=user)

    def lag(self, seconds: Callable[[], float]) -> None:
        """Let the forge's list show what is opened so many seconds late."""
        self.forge.lags = seconds

    def versions(self) -> list[VersionSeen]:
        """Return every version there is now, in the order they were made."""
        return [
            row
            for _, model in sorted(self.registry._models.items())
            for row in model.versions.values()
        ]

    def proposals(self) -> list[Proposal]:
        """Return every pull request there ever was, void ones aside."""
        it = self.forge._at(WHERE)
        seen = [self.forge._seen(it, kept) for kept in it.kept]
        return [one for one in seen if not one.void]

    async def follow_main(self) -> None:
        """Be the GitOps controller and the cluster: run what main says, some time later."""
        while True:
            await asyncio.sleep(self.rng.uniform(1, 6))
            it = self.forge._at(WHERE)
            files = it.commits[it.branches[WHERE.branch]].files
            for target in self.targets:
                for model in self.models:
                    uri = _uri(files[f"apps/{target}/{model}.yaml"].decode())
                    if uri and uri != self._applied.get(f"{target}/{model}"):
                        self._applied[f"{target}/{model}"] = uri
                        self.start(self._roll_out(target, model, uri))

    async def _roll_out(self, target: str, model: str, uri: str) -> None:
        """Bring a new URI up; with trouble it takes long, or never comes up."""
        place, cluster = f"{target}/{model}", self.clusters[target]
        workload = Workload(target, "InferenceService", model, "default")
        cluster.apply(workload, uri)
        await asyncio.sleep(self.rng.uniform(0.5, 10))
        if self.rng.random() < self.troubled:
            if self._applied[place] == uri:
                cluster.fail(workload, "CrashLoopBackOff: the image cannot be pulled")
            await asyncio.sleep(self.rng.uniform(5, 600))
            if self.rng.random() < 0.3:
                return
        if self._applied[place] == uri:
            cluster.serve(workload)

    async def run_gates(self) -> None:
        """Be the runner of gate programs: each job ends some time after it was taken."""
        begun: set[str] = set()
        while True:
            await asyncio.sleep(self.rng.uniform(0.5, 3))
            for job in list(self.evaluator.jobs):
                if job not in begun:
                    begun.add(job)
                    self.start(self._run_gate(job, Random(f"{job}")))

    async def _run_gate(self, job: str, rng: Random) -> None:
        await asyncio.sleep(rng.uniform(1, 60))
        self.evaluator.answers(job, "passed" if rng.random() < 0.85 else "failed", "so it is")

    def conflicts(self, proposal: Proposal) -> bool:
        """Tell whether git could not merge a proposal by itself."""
        it = self.forge._at(WHERE)
        try:
            it.merged(it.branches[WHERE.branch], proposal.head_sha)
        except SluiceError:
            return True
        return False

    def merge_by_hand(self, proposal: Proposal, name: str) -> bool:
        """Be a person who merges with plain git; return whether there was no conflict."""
        try:
            self.forge.person_merges(WHERE, proposal.branch, name)
        except (SluiceError, KeyError):
            return False
        return True


def _uri(manifest: str) -> str:
    line = next(line for line in manifest.splitlines() if "storageUri" in line)
    return line.partition(":")[2].strip().strip('"')
