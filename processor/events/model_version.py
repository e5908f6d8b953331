"""What happened in the registry.

Place in the flow: said by `sources/registry` from what it saw change, except `marked`, which the
mark handlers say of their own writes.
"""

from typing import ClassVar

from processor.events.event import Event
from processor.values.version import Version


class _OfVersion(Event):
    topic: ClassVar[str] = "model-version"
    version: Version
    """The version it happened to."""


class VersionObserved(_OfVersion):
    """A version was there when the registry was first read."""

    kind: ClassVar[str] = "model_version.observed"
    run_id: str
    """Training run, empty if it has none."""
    stage: str
    """Stage at that time."""
    artifact: str
    """Where MLflow says its artifact came from."""


class VersionRegistered(_OfVersion):
    """A version appeared."""

    kind: ClassVar[str] = "model_version.registered"
    run_id: str
    """Training run, empty if it has none."""
    stage: str
    """Stage at that time."""
    artifact: str
    """Where MLflow says its artifact came from."""


class VersionStageChanged(_OfVersion):
    """A version's stage moved."""

    kind: ClassVar[str] = "model_version.stage_changed"
    old: str
    """Stage seen before."""
    new: str
    """Stage seen now."""


class VersionDeleted(_OfVersion):
    """A version is gone; confirmed by a read that said 404."""

    kind: ClassVar[str] = "model_version.deleted"


class VersionMarked(_OfVersion):
    """We wrote a stage or an alias in the registry."""

    kind: ClassVar[str] = "model_version.marked"
    mark: str
    """`stage` or `alias:<name>`."""
    value: str
    """The stage, or the version number the alias names now; empty: removed."""
    previous: str
    """What stood there before, empty for nothing."""


class _OfAlias(Event):
    topic: ClassVar[str] = "model-version"
    workspace: str
    """MLflow workspace."""
    model: str
    """Registered model."""
    alias: str
    """The alias, case kept."""


class AliasSet(_OfAlias):
    """An alias was set or moved."""

    kind: ClassVar[str] = "alias.set"
    number: str
    """Version it names now."""
    previous: str
    """Version it named before, empty for none."""


class AliasRemoved(_OfAlias):
    """An alias is gone."""

    kind: ClassVar[str] = "alias.removed"
    previous: str
    """Version it named before."""


class DriftFound(Event):
    """Two places that should agree do not."""

    kind: ClassVar[str] = "drift.found"
    topic: ClassVar[str] = "model-version"
    version: Version
    """The version it concerns."""
    field: str
    """`stage` or `alias:<name>`."""
    expected: str
    """What we had asked for last."""
    actual: str
    """What is there."""
    ours: bool
    """True: a late request of ours did it, and it is put right."""
