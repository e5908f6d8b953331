"""What MLflow's JSON says, in our nouns.

Place in the flow: `registries/mlflow` parses every answer here. Floats arrive as text
(`adapters/http`), so a metric is never rounded; MLflow itself sends NaN as the string "NaN".
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from processor.values.registry import Dataset, ModelSeen, Run, VersionSeen
from processor.values.version import Version


def version_seen(registry: str, workspace: str, row: Mapping[str, Any]) -> VersionSeen:
    """Return one `model_version` object."""
    return VersionSeen(
        version=Version(
            registry=registry,
            workspace=workspace,
            model=row["name"],
            number=str(row["version"]),
            created_ms=int(row["creation_timestamp"]),
        ),
        updated_ms=_updated(row),
        stage=row.get("current_stage") or "None",
        run_id=row.get("run_id") or "",
        source=row.get("source") or "",
        description=row.get("description") or "",
        tags=tags(row),
    )


def model_seen(workspace: str, row: Mapping[str, Any]) -> ModelSeen:
    """Return one `registered_model` object."""
    return ModelSeen(
        workspace=workspace,
        name=row["name"],
        updated_ms=_updated(row),
        aliases={one["alias"]: str(one["version"]) for one in row.get("aliases") or ()},
        created_ms=int(row["creation_timestamp"]),
        description=row.get("description") or "",
        tags=tags(row),
    )


def prompt(row: Mapping[str, Any]) -> bool:
    """Tell whether a row is a prompt: MLflow keeps those among the models, and lists them not."""
    return tags(row).get("mlflow.prompt.is_prompt") == "true"


def run(found: Mapping[str, Any]) -> Run:
    """Return one `run` object; its end is in the tracking server's milliseconds, UTC."""
    info, data = found["info"], found.get("data", {})
    ended = int(info.get("end_time") or 0)
    return Run(
        run_id=info["run_id"],
        status=info["status"],
        deleted=info.get("lifecycle_stage") == "deleted",
        user=tags(data).get("mlflow.user") or info.get("user_id", ""),
        ended=datetime.fromtimestamp(ended / 1000, UTC) if ended else None,
        metrics={one["key"]: str(one["value"]) for one in data.get("metrics", ())},
        datasets=tuple(
            Dataset(
                name=one["dataset"]["name"],
                digest=one["dataset"]["digest"],
                context=tags(one).get("mlflow.data.context", ""),
            )
            for one in found.get("inputs", {}).get("dataset_inputs", ())
        ),
        params={one["key"]: one.get("value", "") for one in data.get("params", ())},
        tags=tags(data),
    )


def tags(holder: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags of a version, a run or a data set; MLflow leaves out what is empty."""
    return {one["key"]: one.get("value") or "" for one in holder.get("tags") or ()}


def _updated(row: Mapping[str, Any]) -> int:
    """Return when a row changed last; one written straight into the database may not say."""
    return int(row.get("last_updated_timestamp") or row["creation_timestamp"])
