"""What a registry says of a version, a model and a run.

Place in the flow: `ports/reading/registry` returns these; `rules/changes` compares them.
Numbers logged as metrics stay the text the registry sent ("NaN" included): gates use decimals.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from processor.values.version import Version

EFFECT_TAG = "sluice.effect"  # on a version we made: the key of the effect that made it


@dataclass(frozen=True)
class VersionSeen:
    """A version as one read returned it; `updated_ms` is the registry's own clock.

    MLflow moves `updated_ms` for a stage and a description, not for a tag.
    """

    version: Version
    updated_ms: int
    stage: str
    run_id: str
    source: str
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class VersionPage:
    """Some of all versions; `after` asks for the next of them, empty at the end."""

    rows: Sequence[VersionSeen]
    after: str


@dataclass(frozen=True)
class ModelSeen:
    """A registered model with its aliases (alias -> version number), times in registry's ms.

    MLflow moves `updated_ms` for a description and whenever a version is made, staged or deleted,
    not for an alias or a tag. A model of the same name made later is another one: `created_ms`.
    """

    workspace: str
    name: str
    updated_ms: int
    aliases: Mapping[str, str]
    created_ms: int = 0
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


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


@dataclass(frozen=True, kw_only=True)
class Remark:
    """Something an operator should know of the registry; what is not fine comes with its fix."""

    fine: bool
    text: str
