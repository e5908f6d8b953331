"""MLflow as the model registry, over its REST interface.

Place in the flow: `ports/reading/registry` for sources and handlers, `ports/writing/registry`
for the effects door. MLflow's own client is not used: it blocks for minutes and cannot be
cancelled. Measured on 2.11, 3.17 and 3.18 servers.

MLflow pages by OFFSET: a row deleted between two pages makes the next page skip one. So a
version missing from a listing says nothing, and the source confirms it with `version`; one
skipped is found by the next listing.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import Any, TypeVar

from processor.adapters.http import Http
from processor.adapters.registries import answers, filters
from processor.adapters.registries.artifacts import loadable
from processor.adapters.registries.logged import source_of
from processor.adapters.registries.packed import unchecked
from processor.adapters.registries.remarks import Watch, remarks
from processor.adapters.registries.rest import GONE, Rest
from processor.errors import Terminal, Unavailable
from processor.values.registry import EFFECT_TAG, ModelSeen, Remark, Run, VersionPage, VersionSeen
from processor.values.version import Version

_CHANGES = 100  # rows a page of the fast tick: one page is nearly always all of it
_ALL = 1000  # rows a page of a full scan; the most MLflow allows for models
_THERE = frozenset({"RESOURCE_ALREADY_EXISTS", "ALREADY_EXISTS"})
_ABSENT = frozenset({GONE})
_BY_NAME = ("name ASC", "version_number ASC")
_BY_CHANGE = ("last_updated_timestamp DESC",)
_Row = TypeVar("_Row")


@dataclass(frozen=True, kw_only=True)
class MlflowRegistry:
    """RegistryReader and RegistryWriter of one MLflow server.

    `artifact_roots` maps a prefix of the URIs MLflow says to one the cluster can load, `watch` is
    what else the operator configured, for `remarks`.
    Every method may raise Unavailable, and Terminal for a request MLflow refuses for good.
    """

    registry_id: str
    http: Http
    artifact_roots: Mapping[str, str] = field(default_factory=dict)
    watch: Watch = field(default_factory=Watch)

    @property
    def rest(self) -> Rest:
        """Return its REST interface."""
        return Rest(http=self.http)

    async def check(self) -> str:
        """Return one line for `doctor`: what answers, and where."""
        answer = await self.http.get("version")
        if answer.status != HTTPStatus.OK:
            raise Unavailable(self.http.product, f"/version answered {answer.status}")
        return f"MLflow {answer.text()} at {self.http.base_url}"

    async def remarks(self) -> Sequence[Remark]:
        """Return what an operator should know of it, each with its fix."""
        return [one async for one in remarks(self.rest, self.watch)]

    async def versions(self, workspace: str, since_ms: int) -> Sequence[VersionSeen]:
        """Return versions updated at or after `since_ms`, each once, newest change first.

        MLflow cannot filter by time, so it is asked for the newest first and left at the first
        older one; an answer in any other order is read to its end.
        """
        rows: dict[Version, VersionSeen] = {}
        ordered, last = True, None
        async for page in self._versions(workspace, size=_CHANGES, order=_BY_CHANGE):
            for seen in page:
                ordered = ordered and (last is None or seen.updated_ms <= last)
                last = seen.updated_ms
                if seen.updated_ms >= since_ms:
                    rows.setdefault(seen.version, seen)  # a row may slide onto the next page
            if ordered and last is not None and last < since_ms:
                break
        return sorted(rows.values(), key=lambda one: one.updated_ms, reverse=True)

    async def page(self, workspace: str, after: str) -> VersionPage:
        """Read the next page of every version."""
        path, name = "model-versions/search", "model_versions"
        found, token = await self.rest.page(
            workspace, path, name, size=_ALL, order=_BY_NAME, after=after
        )
        one = partial(answers.version_seen, self.registry_id, workspace)
        return VersionPage(self._rows(path, found, one), token)

    async def versions_of(self, workspace: str, model: str) -> Sequence[VersionSeen]:
        """Return every version of one model; the filter may find those of others too."""
        rows: dict[Version, VersionSeen] = {}
        narrow = filters.by_model(model)
        async for page in self._versions(workspace, size=_ALL, order=_BY_NAME, filtering=narrow):
            rows.update({one.version: one for one in page if one.version.model == model})
        return tuple(rows.values())

    async def tagged(self, workspace: str, key: str, limit: int) -> Sequence[VersionSeen]:
        """Return the versions that have a tag of this key, the newest made first."""
        rows: dict[Version, VersionSeen] = {}
        narrow = filters.by_tag(key)
        newest = ("creation_timestamp DESC",)
        size = min(limit, _ALL) if narrow else _ALL
        async for page in self._versions(workspace, size=size, order=newest, filtering=narrow):
            rows.update({one.version: one for one in page if key in one.tags})
            if len(rows) >= limit:
                break
        return tuple(rows.values())[:limit]

    async def models(self, workspace: str) -> Sequence[ModelSeen]:
        """Return every registered model with its aliases and tags."""
        rows: dict[str, ModelSeen] = {}
        async for page in self._models(workspace, size=_ALL, order=("name ASC",)):
            for seen in page:
                rows.setdefault(seen.name, seen)
        return tuple(rows.values())

    async def recent_models(self, workspace: str, limit: int) -> Sequence[ModelSeen]:
        """Return the models that changed last, the newest change first."""
        rows: dict[str, ModelSeen] = {}
        async for page in self._models(workspace, size=min(limit, _ALL), order=_BY_CHANGE):
            for seen in page:
                rows.setdefault(seen.name, seen)
            if len(rows) >= limit:
                break
        return sorted(rows.values(), key=lambda one: one.updated_ms, reverse=True)[:limit]

    async def model(self, workspace: str, name: str) -> ModelSeen | None:
        """Return one model, None when MLflow says that it does not exist."""
        path = "registered-models/get"
        found = await self.rest.find(workspace, path, {"name": name})
        if found is None:
            return None
        rows = self._rows(
            path,
            (self.rest.read(path, lambda: found["registered_model"]),),
            partial(answers.model_seen, workspace),
        )
        return next(iter(rows), None)

    async def version(self, workspace: str, model: str, number: str) -> VersionSeen | None:
        """Return one version, None when MLflow says that it does not exist."""
        path = "model-versions/get"
        found = await self.rest.find(workspace, path, {"name": model, "version": number})
        if found is None:
            return None
        rows = self._rows(
            path,
            (self.rest.read(path, lambda: found["model_version"]),),
            partial(answers.version_seen, self.registry_id, workspace),
        )
        return next(iter(rows), None)

    async def run(self, workspace: str, run_id: str) -> Run | None:
        """Return a training run, None when there is none."""
        found = await self.rest.find(workspace, "runs/get", {"run_id": run_id})
        if found is None:
            return None
        return self.rest.read("runs/get", lambda: answers.run(found["run"]))

    async def location(self, version: Version) -> str:
        """Return where the directory holding MLmodel lies, as a URI KServe can load.

        Raises Terminal too when MLflow can see that no MLmodel is there.
        """
        path = "model-versions/get-download-uri"
        found = await self.rest.find(
            version.workspace, path, {"name": version.model, "version": version.number}
        )
        if found is None:
            raise Terminal(f"{version} is not in the registry any more; there is nothing to serve")
        uri = self.rest.read(path, lambda: str(found["artifact_uri"]))
        place = loadable(uri, self.artifact_roots)
        seen = await self.version(version.workspace, version.model, version.number)
        if seen is not None:
            await unchecked(self.rest, seen, uri)
        return place

    async def created_by(
        self, workspace: str, model: str, run_id: str, effect_key: str
    ) -> str | None:
        """Return the number of the version of that run whose tag holds the effect key.

        Only the run is in the filter: a model's name may be impossible to write there.
        """
        narrow = filters.by_run(run_id)
        order = ("version_number ASC",)
        async for page in self._versions(workspace, size=_ALL, order=order, filtering=narrow):
            for seen in page:
                if seen.version.model == model and seen.tags.get(EFFECT_TAG) == effect_key:
                    return seen.version.number
        return None

    async def made_elsewhere(self, workspace: str, model: str, run_id: str) -> str | None:
        """Return the number of a version of that run that lacks the effect's tag."""
        narrow = filters.by_run(run_id)
        order = ("version_number ASC",)
        async for page in self._versions(workspace, size=_ALL, order=order, filtering=narrow):
            for seen in page:
                if seen.version.model == model and EFFECT_TAG not in seen.tags:
                    return seen.version.number
        return None

    async def create_version(
        self, workspace: str, model: str, run_id: str, artifact_path: str, effect_key: str
    ) -> str:
        """Register the run's model as `mlflow.register_model("runs:/...")` does; return the number.

        The registered model is made first when there is none.
        """
        source, model_id = await source_of(self.rest, workspace, run_id, artifact_path)
        await self.rest.tell(
            workspace, "POST", "registered-models/create", {"name": model}, fine=_THERE
        )
        body: dict[str, object] = {
            "name": model,
            "source": source,
            "run_id": run_id,
            "tags": [{"key": EFFECT_TAG, "value": effect_key}],
        }
        if model_id:
            body["model_id"] = model_id
        path = "model-versions/create"
        told = await self.rest.tell(workspace, "POST", path, body)
        return self.rest.read(path, lambda: str(told["model_version"]["version"]))

    async def set_stage(self, workspace: str, model: str, number: str, stage: str) -> None:
        """Put the version in a stage; its siblings stay where they are."""
        await self.rest.tell(
            workspace,
            "POST",
            "model-versions/transition-stage",
            {
                "name": model,
                "version": number,
                "stage": stage,
                "archive_existing_versions": False,
            },
        )

    async def set_alias(self, workspace: str, model: str, alias: str, number: str) -> None:
        """Point the alias at a version."""
        await self.rest.tell(
            workspace,
            "POST",
            "registered-models/alias",
            {"name": model, "alias": alias, "version": number},
        )

    async def remove_alias(self, workspace: str, model: str, alias: str) -> None:
        """Remove the alias; an absent one (or an absent model) is fine."""
        await self.rest.tell(
            workspace,
            "DELETE",
            "registered-models/alias",
            {"name": model, "alias": alias},
            fine=_ABSENT,
        )

    async def remove_tag(self, workspace: str, model: str, number: str, key: str) -> None:
        """Remove a version's tag; an absent one (or an absent version) is fine."""
        await self.rest.tell(
            workspace,
            "DELETE",
            "model-versions/delete-tag",
            {"name": model, "version": number, "key": key},
            fine=_ABSENT,
        )

    async def _versions(
        self, workspace: str, *, size: int, order: Sequence[str], filtering: str = ""
    ) -> AsyncIterator[Sequence[VersionSeen]]:
        """Search versions, page by page."""
        path, name = "model-versions/search", "model_versions"
        pages = self.rest.pages(workspace, path, name, size=size, order=order, filtering=filtering)
        async for page in pages:
            yield self._rows(path, page, partial(answers.version_seen, self.registry_id, workspace))

    async def _models(
        self, workspace: str, *, size: int, order: Sequence[str]
    ) -> AsyncIterator[Sequence[ModelSeen]]:
        """Search models, page by page."""
        path, name = "registered-models/search", "registered_models"
        async for page in self.rest.pages(workspace, path, name, size=size, order=order):
            yield self._rows(path, page, partial(answers.model_seen, workspace))

    def _rows(
        self, path: str, page: Sequence[Mapping[str, Any]], one: Callable[[Mapping[str, Any]], _Row]
    ) -> Sequence[_Row]:
        """Return what a page's rows say; prompts are kept among the models but are none."""
        return self.rest.read(path, lambda: [one(row) for row in page if not answers.prompt(row)])
