"""What people and pipelines do to the registry in memory, and what it keeps.

Place in the flow: `testing/registry` is this with a reading and a writing half; tests and demos
call the methods here. Times move exactly as MLflow's do (measured on 2.11, 3.17 and 3.18): not
for a tag or an alias; for the model whenever a version is made, staged or deleted.
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace

from processor.errors import Terminal
from processor.ports.clock import Clock
from processor.values.registry import EFFECT_TAG, Dataset, Run, VersionSeen
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
    number: str = ""


@dataclass
class Shelf:
    """A registered model; numbers are not used again while it exists."""

    created_ms: int
    updated_ms: int
    description: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    versions: dict[str, VersionSeen] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    made: int = 0


@dataclass(frozen=True)
class Backup:
    """The registry as it was once; `restore` brings it back."""

    models: Mapping[tuple[str, str], Shelf]
    runs: Mapping[tuple[str, str], Run]
    roots: Mapping[tuple[str, str], set[str]]


@dataclass(kw_only=True)
class RegistryActs:
    """A registry as its people see it; `wrote` tells who wrote what."""

    registry_id: str
    clock: Clock
    wrote: list[Write] = field(default_factory=list)
    _models: dict[tuple[str, str], Shelf] = field(default_factory=dict, init=False)
    _runs: dict[tuple[str, str], Run] = field(default_factory=dict, init=False)
    _roots: dict[tuple[str, str], set[str]] = field(default_factory=dict, init=False)
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

    def create_model(self, workspace: str, model: str, *, by: str = "person") -> None:
        """Let somebody make a model without a version."""
        self.land()
        if (workspace, model) in self._models:
            raise Terminal(f"there is a model {model!r} already")
        now = self._tick()
        self._models[workspace, model] = Shelf(created_ms=now, updated_ms=now)
        self._note(by, workspace, model, "created", "")

    def rename_model(self, workspace: str, model: str, new: str, *, by: str = "person") -> None:
        """Let somebody rename a model: its versions go with it, all of them changed now."""
        self.land()
        if new != model and (workspace, new) in self._models:
            raise Terminal(f"there is a model {new!r} already")
        found = self._models.pop((workspace, model))
        now = self._tick()
        found.updated_ms = now
        for number, row in found.versions.items():
            version = replace(row.version, model=new)
            found.versions[number] = replace(row, version=version, updated_ms=now)
        self._models[workspace, new] = found
        self._note(by, workspace, model, "renamed", new)

    def describe_model(self, workspace: str, model: str, text: str, *, by: str = "person") -> None:
        """Let somebody describe a model."""
        self.land()
        found = self._models[workspace, model]
        found.description, found.updated_ms = text, self._tick()
        self._note(by, workspace, model, "description", text)

    def put_model_tag(
        self, workspace: str, model: str, key: str, value: str, *, by: str = "person"
    ) -> None:
        """Let somebody set a tag of a model, or overwrite it."""
        self.land()
        self._models[workspace, model].tags[key] = value
        self._note(by, workspace, model, f"tag:{key}", value)

    def drop_model_tag(self, workspace: str, model: str, key: str, *, by: str = "person") -> None:
        """Let somebody delete a tag of a model; an absent one is fine."""
        self.land()
        self._models[workspace, model].tags.pop(key, None)
        self._note(by, workspace, model, f"tag:{key}", "")

    def delete_model(self, workspace: str, model: str, *, by: str = "person") -> None:
        """Let somebody delete a model; made again it counts from 1."""
        self.land()
        del self._models[workspace, model]
        self._note(by, workspace, model, "deleted", "")

    def register(
        self, workspace: str, model: str, run_id: str, *, source: str = "", by: str = "pipeline"
    ) -> VersionSeen:
        """Let somebody register a version."""
        where = source or f"s3://models/{run_id}/model"
        return self._register(by, workspace, model, run_id, where, "")

    def describe_version(
        self, workspace: str, model: str, number: str, text: str, *, by: str = "person"
    ) -> None:
        """Let somebody describe a version."""
        self.land()
        versions = self._models[workspace, model].versions
        versions[number] = replace(versions[number], description=text, updated_ms=self._tick())
        self._note(by, workspace, model, "description", text, number)

    def put_stage(
        self,
        workspace: str,
        model: str,
        number: str,
        stage: str,
        *,
        archive_existing: bool = False,
        by: str = "person",
    ) -> None:
        """Let somebody move a version to a stage, and archive what was there if they ask."""
        self.land()
        write = self._written(by, workspace, model, "stage", stage, number)
        self._stage(write, number)
        moved = self._models[workspace, model].versions
        for other, row in moved.items() if archive_existing else ():
            if other != number and row.stage == moved[number].stage:
                at = moved[number].updated_ms
                moved[other] = replace(row, stage="Archived", updated_ms=at)
                self._note(by, workspace, model, "stage", "Archived", other)

    def put_tag(
        self, workspace: str, model: str, number: str, key: str, value: str, *, by: str = "person"
    ) -> None:
        """Let somebody set a tag of a version, or overwrite it."""
        self.land()
        self._tag(self._written(by, workspace, model, f"tag:{key}", value, number), value)

    def drop_tag(
        self, workspace: str, model: str, number: str, key: str, *, by: str = "person"
    ) -> None:
        """Let somebody delete a tag of a version; an absent one is fine."""
        self.land()
        self._tag(self._written(by, workspace, model, f"tag:{key}", "", number), None)

    def delete_version(
        self, workspace: str, model: str, number: str, *, by: str = "person"
    ) -> None:
        """Let somebody delete a version, and with it the aliases that name it."""
        self.land()
        found = self._models[workspace, model]
        del found.versions[number]
        found.aliases = {name: one for name, one in found.aliases.items() if one != number}
        found.updated_ms = self._tick()
        self._note(by, workspace, model, "deleted", number, number)

    def put_alias(
        self, workspace: str, model: str, alias: str, number: str, *, by: str = "person"
    ) -> None:
        """Let somebody point an alias; an empty number removes it."""
        self.land()
        self._point(self._written(by, workspace, model, f"alias:{alias}", number))

    def backup(self) -> Backup:
        """Return a copy of everything, as a backup of its database would hold it."""
        return Backup(*deepcopy((self._models, self._runs, self._roots)))

    def restore(self, backup: Backup) -> None:
        """Go back in time: everything since the backup never happened here."""
        models, runs, roots = deepcopy((backup.models, backup.runs, backup.roots))
        self._models, self._runs, self._roots = dict(models), dict(runs), dict(roots)

    def land(self) -> None:
        """Carry out what is late and due; every act does so first."""

    def _register(
        self, by: str, workspace: str, model: str, run_id: str, source: str, effect_key: str
    ) -> VersionSeen:
        """Make a version, and its model when there is none."""
        now = self._tick()
        found = self._models.setdefault((workspace, model), Shelf(now, now))
        found.made += 1
        found.updated_ms = now
        number = str(found.made)
        version = Version(self.registry_id, workspace, model, number, now)
        tags = {EFFECT_TAG: effect_key} if effect_key else {}
        row = VersionSeen(version, now, "None", run_id, source, tags=tags)
        found.versions[number] = row
        self._note(by, workspace, model, "version", number, number)
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
        self.wrote.append(write)

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
        self.wrote.append(write)

    def _tag(self, write: Write, value: str | None) -> None:
        """Set a tag of a version; None removes it."""
        versions = self._models[write.workspace, write.model].versions
        row, key = versions[write.number], write.field.removeprefix("tag:")
        rest = {name: one for name, one in row.tags.items() if name != key}
        tags = rest if value is None else {**rest, key: value}
        versions[write.number] = replace(row, tags=tags)
        self.wrote.append(write)

    def _note(
        self, by: str, workspace: str, model: str, field: str, value: str, number: str = ""
    ) -> None:
        """Log who wrote."""
        self.wrote.append(self._written(by, workspace, model, field, value, number))

    def _written(
        self, by: str, workspace: str, model: str, field: str, value: str, number: str = ""
    ) -> Write:
        """Return a write by its parts."""
        return Write(
            by=by, workspace=workspace, model=model, field=field, value=value, number=number
        )

    def _tick(self) -> int:
        """Return the clock's milliseconds, never the same twice: later writes are newer."""
        now = round(self.clock.now().timestamp() * 1000)
        self._last_ms = max(now, self._last_ms + 1)
        return self._last_ms
