"""What a registry says of a version, a model and a run.

Place in the flow: `ports/reading/registry` returns these; `rules/changes` compares them.
Numbers logged as metrics stay the text the registry sent ("NaN" included): gates use decimals.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from processor.values.version import Version


@dataclass(frozen=True)
class VersionSeen:
    """A version as one read returned it; `updated_ms` is the registry's own clock."""

    version: Version
    updated_ms: int
    stage: str
    run_id: str
    source: str


@dataclass(frozen=True)
class ModelSeen:
    """A registered model with its aliases (alias -> version number)."""

    workspace: str
    name: str
    updated_ms: int
    aliases: Mapping[str, str]


@dataclass(frozen=True)
class Dataset:
    """A data set a run logged; `context` is `training`, `evaluation` or empty."""

    name: str
    digest: str
    context: str


@dataclass(frozen=True)
class Run:
    """The training run behind a version; `status` is MLflow's (`FINISHED`, `RUNNING` ...)."""

    run_id: str
    status: str
    deleted: bool
    user: str
    ended: datetime | None
    metrics: Mapping[str, str] = field(default_factory=dict)
    datasets: tuple[Dataset, ...] = ()
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
