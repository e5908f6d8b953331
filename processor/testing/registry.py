"""A model registry in memory.

Place in the flow: tests and demos give it to sources, handlers and the effects door; it passes
the contract suite the real MLflow passes (tests/contracts/test_registry.py). People and
pipelines act through the methods with plain names; `wrote` tells who wrote what.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from processor.errors import Terminal, Unavailable
from processor.ports.clock import Clock
from processor.values.registry import Dataset, ModelSeen, Run, VersionSeen
from processor.values.version import Version

_STAGES = {stage.lower(): stage for stage in ("None", "Staging", "Production", "Archived")}


@dataclass(frozen=True, kw_only=True)
class Write:
    """One write that took place; `by` is `sluice` or whoever the test says."""

    by: str
    workspace: str
    model: str
    field: str
    value: str


@dataclass
class _Model:
    """A registered model; numbers are not used again while it exists."""

    updated_ms: int
    versions: dict[str, VersionSeen] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    effects: dict[str, str] = field(default_factory=dict)
    made: int = 0


@dataclass
class _Late:
    """A request that was given up on and takes place later."""

    due: datetime
    write: Write
    number: str


@dataclass(kw_only=True)
class MemoryRegistry:
    """RegistryReader and RegistryWriter.

    Switches: `down` refuses every call; `lose_answer` carries out the next write of ours and
    loses its answer; `late_by` loses the next write of ours and carries it out that many seconds
    later. The last two fall back by themselves after one write.
    """

    registry_id: str
    clock: Clock
    down: bool = False
    lose_answer: bool = False
    late_by: float | None = None
    wrote: list[Write] = field(default_factory=list)
    _models: dict[tuple[str, str], _Model] = field(default_factory=dict, init=False)
    _runs: dict[tuple[str, str], Run] = field(default_factory=dict, init=False)
    _roots: dict[tuple[str, str], set[str]] = field(default_factory=dict, init=False)
    _late: list[_Late] = field(default_factory=list, init=False)
    _last_ms: int = field(default=0, init=False)

    def finish_run(
        self,
        workspace: str,
        run_id: str,
        *,
        metrics: dict[str, str] | None = None,
        datasets: tuple[Dataset, ...] = (),
        params: dict[str, str] | None = None,
        tags: dict[str, str] | None = None,
        user: str = "ana",
        artifact_path: str = "model",
    ) -> Run:
        """Let a training run end (or be there from the start) with a model at its path."""
        run = Run(
            run_id=run_id,
            status="FINISHED",
            deleted=False,
            user=user,
            ended=self.clock.now(),
            metrics=metrics or {},
            datasets=datasets,
            params=params or {},
            tags={"mlflow.user": user, **(tags or {})},
        )
        self._runs[workspace, run_id] = run
        self._roots.setdefault((workspace, run_id), set()).add(artifact_path)
        return run

    def start_run(self, workspace: str, run_id: str, *, artifact_path: str = "model") -> Run:
        """Let a training run be under way, its model already logged."""
        run = Run(run_id=run_id, status="RUNNING", deleted=False, user="ana", ended=None)
        self._runs[workspace, run_id] = run
        self._roots.setdefault((workspace, run_id), set()).add(artifact_path)
        return run

    def register(
        self, workspace: str, model: str, run_id: str, *, source: str = "", by: str = "pipeline"
    ) -> VersionSeen:
        """Let somebody register a version."""
        where = source or f"s3://models/{run_id}/model"
        return self._register(by, workspace, model, run_id, where, "")

    def land(self) -> None:
        """Carry out the late requests that are due; every call does so first."""
        for late in [one for one in self._late if one.due <= self.clock.now()]:
            self._late.remove(late)
            self._carry_out(late.write, late.number)

    def put_stage(
        self, workspace: str, model: str, number: str, stage: str, *, by: str = "person"
    ) -> None:
        """Let somebody move a version to a stage."""
        self.land()
        self._stage(
            Write(by=by, workspace=workspace, model=model, field="stage", value=stage), number
        )

    def put_alias(
        self, workspace: str, model: str, alias: str, number: str, *, by: str = "person"
    ) -> None:
        """Let somebody point an alias; an empty number removes it."""
        self.land()
        write = Write(by=by, workspace=workspace, model=model, field=f"alias:{alias}", value=number)
        self._point(write)

    def delete_version(
        self, workspace: str, model: str, number: str, *, by: str = "person"
    ) -> None:
        """Let somebody delete a version, and with it the aliases that name it."""
        self.land()
        found = self._models[workspace, model]
        del found.versions[number]
        found.aliases = {name: one for name, one in found.aliases.items() if one != number}
        found.updated_ms = self._tick()
        self._note(Write(by=by, workspace=workspace, model=model, field="deleted", value=number))

    def delete_model(self, workspace: str, model: str, *, by: str = "person") -> None:
        """Let somebody delete a model; made again it counts from 1."""
        self.land()
        del self._models[workspace, model]
        self._note(Write(by=by, workspace=workspace, model=model, field="deleted", value=""))

    async def check(self) -> str:
        """Return one line about what answers."""
        self._answer()
        return "a registry in memory"

    async def versions(self, workspace: str, since_ms: int | None) -> Sequence[VersionSeen]:
        """Return versions, the newest change first."""
        self._answer()
        rows = [
            row
            for (where, _), model in self._models.items()
            for row in model.versions.values()
            if where == workspace and (since_ms is None or row.updated_ms >= since_ms)
        ]
        return sorted(rows, key=lambda row: row.updated_ms, reverse=True)

    async def models(self, workspace: str) -> Sequence[ModelSeen]:
        """Return models with aliases."""
        self._answer()
        return [
            ModelSeen(where, name, model.updated_ms, dict(model.aliases))
            for (where, name), model in sorted(self._models.items())
            if where == workspace
        ]

    async def version(self, workspace: str, model: str, number: str) -> VersionSeen | None:
        """Return one version."""
        self._answer()
        found = self._models.get((workspace, model))
        return found.versions.get(number) if found else None

    async def run(self, workspace: str, run_id: str) -> Run | None:
        """Return a run."""
        self._answer()
        return self._runs.get((workspace, run_id))

    async def location(self, version: Version) -> str:
        """Return the source as it was registered."""
        self._answer()
        found = self._models.get((version.workspace, version.model))
        if found is None or version.number not in found.versions:
            raise Terminal(f"{version} is not in the registry any more; there is nothing to serve")
        return found.versions[version.number].source

    async def created_by(
        self, workspace: str, model: str, run_id: str, effect_key: str
    ) -> str | None:
        """Return the version an effect made."""
        self._answer()
        found = self._models.get((workspace, model))
        number = found.effects.get(effect_key) if found else None
        if found is None or number is None or number not in found.versions:
            return None
        return number if found.versions[number].run_id == run_id else None

    async def create_version(
        self, workspace: str, model: str, run_id: str, artifact_path: str, effect_key: str
    ) -> str:
        """Register the run's model."""
        self._answer()
        if artifact_path not in self._roots.get((workspace, run_id), set()):
            raise Terminal(f"run {run_id} has no model at {artifact_path!r}")
        source = f"s3://models/{run_id}/{artifact_path}"
        made = self._register("sluice", workspace, model, run_id, source, effect_key)
        self._may_lose_answer()
        return made.version.number

    async def set_stage(self, workspace: str, model: str, number: str, stage: str) -> None:
        """Put the version in a stage."""
        self._write(
            Write(by="sluice", workspace=workspace, model=model, field="stage", value=stage), number
        )

    async def set_alias(self, workspace: str, model: str, alias: str, number: str) -> None:
        """Point the alias at a version."""
        name = f"alias:{alias}"
        self._write(
            Write(by="sluice", workspace=workspace, model=model, field=name, value=number), number
        )

    async def remove_alias(self, workspace: str, model: str, alias: str) -> None:
        """Remove the alias."""
        name = f"alias:{alias}"
        self._write(Write(by="sluice", workspace=workspace, model=model, field=name, value=""), "")

    def _answer(self) -> None:
        """Let what is late land, then refuse while down."""
        self.land()
        if self.down:
            raise Unavailable("registry", "down")

    def _write(self, write: Write, number: str) -> None:
        """Carry out one write of ours, or misbehave as told."""
        self._answer()
        if self.late_by is not None:
            due = self.clock.now() + timedelta(seconds=self.late_by)
            self._late.append(_Late(due, write, number))
            self.late_by = None
            raise Unavailable("registry", "no answer")
        self._carry_out(write, number)
        self._may_lose_answer()

    def _may_lose_answer(self) -> None:
        """Lose the answer once, when told to."""
        if self.lose_answer:
            self.lose_answer = False
            raise Unavailable("registry", "no answer")

    def _carry_out(self, write: Write, number: str) -> None:
        """Change the mark a write is about."""
        if write.field == "stage":
            self._stage(write, number)
        else:
            self._point(write)

    def _register(
        self, by: str, workspace: str, model: str, run_id: str, source: str, effect_key: str
    ) -> VersionSeen:
        """Make a version, and its model when there is none."""
        now = self._tick()
        found = self._models.setdefault((workspace, model), _Model(updated_ms=now))
        found.made += 1
        found.updated_ms = now
        number = str(found.made)
        version = Version(self.registry_id, workspace, model, number, now)
        row = VersionSeen(version, now, "None", run_id, source)
        found.versions[number] = row
        if effect_key:
            found.effects[effect_key] = number
        self._note(Write(by=by, workspace=workspace, model=model, field="version", value=number))
        return row

    def _stage(self, write: Write, number: str) -> None:
        """Put a version in a stage."""
        stage = _STAGES.get(write.value.lower())
        found = self._models.get((write.workspace, write.model))
        if stage is None or found is None or number not in found.versions:
            raise Terminal(f"no version {number} of {write.model}, or no stage {write.value!r}")
        now = self._tick()
        found.updated_ms = now
        found.versions[number] = replace(found.versions[number], stage=stage, updated_ms=now)
        self._note(write)

    def _point(self, write: Write) -> None:
        """Point an alias at a version, or remove it."""
        found = self._models.get((write.workspace, write.model))
        alias = write.field.removeprefix("alias:")
        if write.value:
            if found is None or write.value not in found.versions:
                raise Terminal(f"no version {write.value} of {write.model}")
            found.aliases[alias] = write.value
        elif found is not None:
            found.aliases.pop(alias, None)
        self._note(write)

    def _note(self, write: Write) -> None:
        """Log who wrote."""
        self.wrote.append(write)

    def _tick(self) -> int:
        """Return the clock's milliseconds, never the same twice: later writes are newer."""
        now = round(self.clock.now().timestamp() * 1000)
        self._last_ms = max(now, self._last_ms + 1)
        return self._last_ms
