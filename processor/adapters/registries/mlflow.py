"""MLflow as the model registry, over its REST interface.

Place in the flow: `ports/reading/registry` for sources and handlers, `ports/writing/registry`
for the effects door. MLflow's own client is not used: it blocks for minutes and cannot be
cancelled. Measured on 2.11, 3.17 and 3.18 servers.

MLflow pages by OFFSET: a row deleted between two pages makes the next page skip one. So a
version missing from a listing says nothing, and the source confirms it with `version`; one
skipped is found by the next listing.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from processor.adapters.http import Answer, Http
from processor.adapters.registries import answers
from processor.adapters.registries.artifacts import loadable
from processor.errors import Terminal, Unavailable
from processor.values.registry import ModelSeen, Run, VersionSeen
from processor.values.version import Version

EFFECT_TAG = "sluice.effect"

_API = "api/2.0/mlflow"
_CHANGES = "100"  # rows a page of the fast tick: one page is nearly always all of it
_ALL = "1000"  # rows a page of a full scan; the most MLflow allows for models
_GONE = "RESOURCE_DOES_NOT_EXIST"
_THERE = frozenset({"RESOURCE_ALREADY_EXISTS", "ALREADY_EXISTS"})
_USUAL = "default"  # the workspace a server without workspaces has


@dataclass(frozen=True, kw_only=True)
class MlflowRegistry:
    """RegistryReader and RegistryWriter of one MLflow server.

    `artifact_roots` maps a prefix of the URIs MLflow says to one the cluster can load.
    Every method may raise Unavailable, and Terminal for a request MLflow refuses for good.
    """

    registry_id: str
    http: Http
    artifact_roots: Mapping[str, str] = field(default_factory=dict)

    async def check(self) -> str:
        """Return one line for `doctor`: what answers, and where."""
        answer = await self.http.get("version")
        if answer.status != HTTPStatus.OK:
            raise Unavailable(self.http.product, f"/version answered {answer.status}")
        return f"MLflow {answer.text()} at {self.http.base_url}"

    async def versions(self, workspace: str, since_ms: int | None) -> Sequence[VersionSeen]:
        """Return versions updated at or after `since_ms`, or all, each once."""
        order = (
            ("name ASC", "version_number ASC")
            if since_ms is None
            else ("last_updated_timestamp DESC",)
        )
        rows: dict[Version, VersionSeen] = {}
        pages = self._pages(
            workspace,
            "model-versions/search",
            "model_versions",
            size=_ALL if since_ms is None else _CHANGES,
            order=order,
        )
        async for page in pages:
            for row in page:
                seen = answers.version_seen(self.registry_id, workspace, row)
                if since_ms is not None and seen.updated_ms < since_ms:
                    return tuple(rows.values())
                rows.setdefault(seen.version, seen)  # a row may slide onto the next page
        return tuple(rows.values())

    async def models(self, workspace: str) -> Sequence[ModelSeen]:
        """Return every registered model with its aliases."""
        rows: dict[str, ModelSeen] = {}
        pages = self._pages(
            workspace,
            "registered-models/search",
            "registered_models",
            size=_ALL,
            order=("name ASC",),
        )
        async for page in pages:
            for row in page:
                rows.setdefault(row["name"], answers.model_seen(workspace, row))
        return tuple(rows.values())

    async def version(self, workspace: str, model: str, number: str) -> VersionSeen | None:
        """Return one version, None when MLflow says that it does not exist."""
        found = await self._find(
            workspace, "model-versions/get", {"name": model, "version": number}
        )
        if found is None:
            return None
        return answers.version_seen(self.registry_id, workspace, found["model_version"])

    async def run(self, workspace: str, run_id: str) -> Run | None:
        """Return a training run, None when there is none."""
        found = await self._find(workspace, "runs/get", {"run_id": run_id})
        return None if found is None else answers.run(found["run"])

    async def location(self, version: Version) -> str:
        """Return where the directory holding MLmodel lies, as a URI KServe can load."""
        found = await self._find(
            version.workspace,
            "model-versions/get-download-uri",
            {"name": version.model, "version": version.number},
        )
        if found is None:
            raise Terminal(f"{version} is not in the registry any more; there is nothing to serve")
        return loadable(found["artifact_uri"], self.artifact_roots)

    async def created_by(
        self, workspace: str, model: str, run_id: str, effect_key: str
    ) -> str | None:
        """Return the number of the version of that run whose tag holds the effect key.

        Only the run is in the filter: MLflow's filters have no escape for quotes, so a model's
        name may be impossible to write there.
        """
        pages = self._pages(
            workspace,
            "model-versions/search",
            "model_versions",
            size=_ALL,
            order=("version_number ASC",),
            filtering=f"run_id = '{_plain(run_id)}'",
        )
        async for page in pages:
            for row in page:
                if row["name"] == model and answers.tags(row).get(EFFECT_TAG) == effect_key:
                    return str(row["version"])
        return None

    async def create_version(
        self, workspace: str, model: str, run_id: str, artifact_path: str, effect_key: str
    ) -> str:
        """Register the run's model as `mlflow.register_model("runs:/...")` does; return the number.

        The registered model is made first when there is none.
        """
        source, model_id = await self._source(workspace, run_id, artifact_path)
        await self._tell(
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
        told = await self._tell(workspace, "POST", "model-versions/create", body)
        return str(told["model_version"]["version"])

    async def set_stage(self, workspace: str, model: str, number: str, stage: str) -> None:
        """Put the version in a stage; its siblings stay where they are."""
        await self._tell(
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
        await self._tell(
            workspace,
            "POST",
            "registered-models/alias",
            {"name": model, "alias": alias, "version": number},
        )

    async def remove_alias(self, workspace: str, model: str, alias: str) -> None:
        """Remove the alias; an absent one (or an absent model) is fine."""
        await self._tell(
            workspace,
            "DELETE",
            "registered-models/alias",
            {"name": model, "alias": alias},
            fine=frozenset({_GONE}),
        )

    async def _source(self, workspace: str, run_id: str, artifact_path: str) -> tuple[str, str]:
        """Return the source of a run's model, and its id where it is a logged model of MLflow 3.

        A 2.x client stored it among the run's artifacts; MLflow 3 made it an entity of its own,
        and the one logged at the latest step counts.
        """
        listed = await self._find(
            workspace, "artifacts/list", {"run_id": run_id, "path": artifact_path}
        )
        if listed is None:
            raise Terminal(f"run {run_id} is not known to MLflow; there is no model to register")
        if f"{artifact_path}/MLmodel" in {file["path"] for file in listed.get("files", ())}:
            return f"{listed['root_uri'].rstrip('/')}/{artifact_path}", ""
        found = await self._find(workspace, "runs/get", {"run_id": run_id})
        outputs = ((found or {}).get("run", {}).get("outputs") or {}).get("model_outputs", ())
        for output in sorted(outputs, key=lambda one: int(one.get("step", 0)), reverse=True):
            model_id = output["model_id"]
            logged = await self._find(workspace, f"logged-models/{model_id}", {})
            if logged is not None and logged["model"]["info"]["name"] == artifact_path:
                return f"models:/{model_id}", model_id
        raise Terminal(
            f"run {run_id} has no model at {artifact_path!r}: neither an MLmodel among its "
            f"artifacts nor a logged model of that name; name the one its training script logged"
        )

    async def _pages(
        self,
        workspace: str,
        path: str,
        rows: str,
        *,
        size: str,
        order: Sequence[str],
        filtering: str = "",
    ) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
        """Read a search page by page. Several orders are repeated parameters, not one."""
        token = ""
        while True:
            params = [("max_results", size), *(("order_by", one) for one in order)]
            optional = (("filter", filtering), ("page_token", token))
            params += [pair for pair in optional if pair[1]]
            found = await self._find(workspace, path, params)
            if found is None:
                raise Unavailable(self.http.product, f"workspace {workspace!r} does not exist")
            yield found.get(rows, ())
            token = found.get("next_page_token", "")
            if not token:
                return

    async def _find(
        self, workspace: str, path: str, params: Mapping[str, str] | Sequence[tuple[str, str]]
    ) -> dict[str, Any] | None:
        """Read one thing; None when MLflow says in its own words that it does not exist."""
        answer = await self.http.get(f"{_API}/{path}", params=params, headers=_headers(workspace))
        found = self._object(answer)
        if answer.status == HTTPStatus.OK:
            return found
        if found.get("error_code") == _GONE:
            return None
        raise self._refusal(answer, found, path)

    async def _tell(
        self,
        workspace: str,
        method: str,
        path: str,
        body: Mapping[str, object],
        *,
        fine: frozenset[str] = frozenset(),
    ) -> dict[str, Any]:
        """Change one thing; error codes in `fine` count as done."""
        answer = await self.http.send(
            method, f"{_API}/{path}", body=body, headers=_headers(workspace)
        )
        told = self._object(answer)
        if answer.status == HTTPStatus.OK or told.get("error_code") in fine:
            return told
        raise self._refusal(answer, told, path)

    def _object(self, answer: Answer) -> dict[str, Any]:
        """Return the JSON object of an answer."""
        try:
            found = answer.json()
        except ValueError:
            found = None
        if isinstance(found, dict):
            return found
        reason = f"answered {answer.status} without JSON: {answer.text()}"
        raise Unavailable(self.http.product, reason)

    def _refusal(
        self, answer: Answer, found: Mapping[str, Any], path: str
    ) -> Unavailable | Terminal:
        """Return what a status of 400 and above means: 403 is the product's, not the row's."""
        message = found.get("message") or answer.text()
        if answer.status == HTTPStatus.FORBIDDEN:
            return Unavailable(
                self.http.product, f"403 on {path}: our user may not do this ({message})"
            )
        return Terminal(f"MLflow refused {path} with {answer.status}: {message}")


def _headers(workspace: str) -> dict[str, str]:
    """Name the workspace only where there is one: old servers and proxies know no such header."""
    return {} if workspace == _USUAL else {"X-MLFLOW-WORKSPACE": workspace}


def _plain(run_id: str) -> str:
    """Return the id if it may stand between quotes in a filter."""
    if not run_id or not run_id.replace("-", "").replace("_", "").isalnum():
        raise Terminal(f"{run_id!r} is not a run id MLflow could have given")
    return run_id
