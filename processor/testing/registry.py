"""A model registry in memory.

Place in the flow: tests and demos give it to sources, handlers and the effects door; it passes
the contract suite the real MLflow passes (tests/contracts/test_registry.py). People and
pipelines act through the methods of `testing/registry_acts`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from processor.errors import Forbidden, Terminal, Unavailable
from processor.testing.registry_acts import RegistryActs, Shelf, Write
from processor.values.registry import EFFECT_TAG, ModelSeen, Remark, Run, VersionPage, VersionSeen
from processor.values.version import Version

__all__ = ["MemoryRegistry", "Write"]


@dataclass
class _Late:
    """A request that was given up on and takes place later."""

    due: datetime
    write: Write
    number: str


@dataclass(kw_only=True)
class MemoryRegistry(RegistryActs):
    """RegistryReader and RegistryWriter.

    Switches: `down` refuses every call; `lose_answer` carries out the next write of ours and
    loses its answer; `late_by` loses the next write of ours and carries it out that many seconds
    later. The last two fall back by themselves after one write. Models in `forbidden` we may not
    see: they are in no listing, and reading one by its name is refused. `page_size` is how many
    versions a `page` has, taken by offset as MLflow takes it. At the sources in `empty` there is
    no MLmodel.
    """

    down: bool = False
    lose_answer: bool = False
    late_by: float | None = None
    forbidden: set[str] = field(default_factory=set)
    page_size: int = 1000
    empty: set[str] = field(default_factory=set)
    _late: list[_Late] = field(default_factory=list, init=False)

    def land(self) -> None:
        """Carry out the late requests that are due; every call does so first."""
        for late in [one for one in self._late if one.due <= self.clock.now()]:
            self._late.remove(late)
            self._carry_out(late.write, late.number)

    async def check(self) -> str:
        """Return one line about what answers."""
        self._answer()
        return "a registry in memory"

    async def remarks(self) -> Sequence[Remark]:
        """Return nothing: all is well in memory."""
        self._answer()
        return ()

    async def versions(self, workspace: str, since_ms: int) -> Sequence[VersionSeen]:
        """Return versions, the newest change first."""
        self._answer()
        rows = [row for row in self._rows(workspace) if row.updated_ms >= since_ms]
        return sorted(rows, key=lambda row: row.updated_ms, reverse=True)

    async def page(self, workspace: str, after: str) -> VersionPage:
        """Return the next page of every version."""
        self._answer()
        rows, offset = sorted(self._rows(workspace), key=_by_name), int(after or "0")
        until = offset + self.page_size
        return VersionPage(rows[offset:until], str(until) if until < len(rows) else "")

    async def versions_of(self, workspace: str, model: str) -> Sequence[VersionSeen]:
        """Return every version of one model."""
        self._answer()
        return [row for row in self._rows(workspace) if row.version.model == model]

    async def tagged(self, workspace: str, key: str, limit: int) -> Sequence[VersionSeen]:
        """Return the versions with a tag of this key, the newest made first."""
        self._answer()
        rows = [row for row in self._rows(workspace) if key in row.tags]
        return sorted(rows, key=lambda row: row.version.created_ms, reverse=True)[:limit]

    async def models(self, workspace: str) -> Sequence[ModelSeen]:
        """Return models with aliases and tags."""
        self._answer()
        return sorted(self._shown(workspace), key=lambda one: one.name)

    async def recent_models(self, workspace: str, limit: int) -> Sequence[ModelSeen]:
        """Return the models that changed last."""
        self._answer()
        rows = sorted(self._shown(workspace), key=lambda one: one.updated_ms, reverse=True)
        return rows[:limit]

    async def model(self, workspace: str, name: str) -> ModelSeen | None:
        """Return one model."""
        self._answer(name)
        found = self._models.get((workspace, name))
        return _seen(workspace, name, found) if found else None

    async def version(self, workspace: str, model: str, number: str) -> VersionSeen | None:
        """Return one version."""
        self._answer(model)
        found = self._models.get((workspace, model))
        return found.versions.get(number) if found else None

    async def run(self, workspace: str, run_id: str) -> Run | None:
        """Return a run."""
        self._answer()
        return self._runs.get((workspace, run_id))

    async def location(self, version: Version) -> str:
        """Return the source as it was registered."""
        self._answer(version.model)
        found = self._models.get((version.workspace, version.model))
        if found is None or version.number not in found.versions:
            raise Terminal(f"{version} is not in the registry any more; there is nothing to serve")
        source = found.versions[version.number].source
        if source in self.empty:
            raise Terminal(f"{version} has no model to serve: there is nothing at {source}")
        return source

    async def created_by(
        self, workspace: str, model: str, run_id: str, effect_key: str
    ) -> str | None:
        """Return the version an effect made."""
        self._answer()
        for row in self._rows(workspace):
            made = (row.version.model, row.run_id, row.tags.get(EFFECT_TAG))
            if made == (model, run_id, effect_key):
                return row.version.number
        return None

    async def made_elsewhere(self, workspace: str, model: str, run_id: str) -> str | None:
        """Return a version of a run that no effect made."""
        self._answer()
        for row in self._rows(workspace):
            if (row.version.model, row.run_id) == (model, run_id) and EFFECT_TAG not in row.tags:
                return row.version.number
        return None

    async def create_version(
        self, workspace: str, model: str, run_id: str, artifact_path: str, effect_key: str
    ) -> str:
        """Register the run's model."""
        self._answer(model)
        if artifact_path not in self._roots.get((workspace, run_id), set()):
            raise Terminal(f"run {run_id} has no model at {artifact_path!r}")
        source = f"s3://models/{run_id}/{artifact_path}"
        made = self._register("sluice", workspace, model, run_id, source, effect_key)
        self._may_lose_answer()
        return made.version.number

    async def set_stage(self, workspace: str, model: str, number: str, stage: str) -> None:
        """Put the version in a stage."""
        self._write(self._written("sluice", workspace, model, "stage", stage, number), number)

    async def set_alias(self, workspace: str, model: str, alias: str, number: str) -> None:
        """Point the alias at a version."""
        self._write(self._written("sluice", workspace, model, f"alias:{alias}", number), number)

    async def remove_alias(self, workspace: str, model: str, alias: str) -> None:
        """Remove the alias."""
        self._write(self._written("sluice", workspace, model, f"alias:{alias}", ""), "")

    async def remove_tag(self, workspace: str, model: str, number: str, key: str) -> None:
        """Remove a version's tag."""
        self._write(self._written("sluice", workspace, model, f"tag:{key}", "", number), number)

    def _answer(self, model: str = "") -> None:
        """Let what is late land, then refuse while down, or what we may not see."""
        self.land()
        if self.down:
            raise Unavailable("registry", "down")
        if model in self.forbidden:
            raise Forbidden("registry", f"403: our user may not see {model}")

    def _rows(self, workspace: str) -> Iterator[VersionSeen]:
        """Yield every version we may see."""
        for (where, name), model in self._models.items():
            if where == workspace and name not in self.forbidden:
                yield from model.versions.values()

    def _shown(self, workspace: str) -> Iterator[ModelSeen]:
        """Yield every model we may see."""
        for (where, name), model in self._models.items():
            if where == workspace and name not in self.forbidden:
                yield _seen(workspace, name, model)

    def _write(self, write: Write, number: str) -> None:
        """Carry out one write of ours, or misbehave as told."""
        self._answer(write.model)
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
        """Change what a write is about."""
        if write.field == "stage":
            self._stage(write, number)
        elif write.field.startswith("tag:"):
            found = self._models.get((write.workspace, write.model))
            if found is not None and number in found.versions:  # gone: MLflow has none to remove
                self._tag(write, None)
        else:
            self._point(write)


def _by_name(row: VersionSeen) -> tuple[str, int]:
    """Order versions as `scan` lists them."""
    return row.version.model, int(row.version.number)


def _seen(workspace: str, name: str, model: Shelf) -> ModelSeen:
    """Return a model as a read shows it, unmoved by what happens to it later."""
    return ModelSeen(
        workspace=workspace,
        name=name,
        updated_ms=model.updated_ms,
        aliases=dict(model.aliases),
        created_ms=model.created_ms,
        description=model.description,
        tags=dict(model.tags),
    )
