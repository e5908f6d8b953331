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


class _Changed(_OfVersion):
    restored: bool = False
    """True: the registry went back in time, as after a restore from a backup."""


class VersionObserved(_OfVersion):
    """A version was there when the registry was first read, or its model got another name."""

    kind: ClassVar[str] = "model_version.observed"
    run_id: str
    """Training run, empty if it has none."""
    stage: str
    """Stage at that time."""
    artifact: str
    """Where MLflow says its artifact came from."""
    was: Version | None = None
    """What it was called before its model was renamed; None: it was there when we came."""


class VersionRegistered(_OfVersion):
    """A version appeared."""

    kind: ClassVar[str] = "model_version.registered"
    run_id: str
    """Training run, empty if it has none."""
    stage: str
    """Stage at that time."""
    artifact: str
    """Where MLflow says its artifact came from."""


class VersionStageChanged(_Changed):
    """A version's stage moved."""

    kind: ClassVar[str] = "model_version.stage_changed"
    old: str
    """Stage seen before."""
    new: str
    """Stage seen now."""


class VersionDescribed(_Changed):
    """A version's description is another one."""

    kind: ClassVar[str] = "model_version.described"
    old: str
    """Description seen before."""
    new: str
    """Description seen now."""


class VersionTagSet(_Changed):
    """A version's tag was set or overwritten."""

    kind: ClassVar[str] = "model_version.tag_set"
    tag: str
    """The tag's key."""
    value: str
    """Its value now."""
    previous: str | None
    """Its value before, None for no such tag."""


class VersionTagRemoved(_Changed):
    """A version's tag is gone."""

    kind: ClassVar[str] = "model_version.tag_removed"
    tag: str
    """The tag's key."""
    previous: str
    """Its value before."""


class VersionDeleted(_Changed):
    """A version is gone; confirmed by a read that said 404."""

    kind: ClassVar[str] = "model_version.deleted"


class VersionMarked(_OfVersion):
    """We wrote a stage, an alias or a tag in the registry."""

    kind: ClassVar[str] = "model_version.marked"
    mark: str
    """`stage`, `alias:<name>` or `tag:<key>`."""
    value: str
    """The stage, or the version number the alias names now; empty: removed."""
    previous: str
    """What stood there before, empty for nothing."""


class _OfModel(Event):
    topic: ClassVar[str] = "model-version"
    workspace: str
    """MLflow workspace."""
    model: str
    """Registered model."""
    restored: bool = False
    """True: the registry went back in time, as after a restore from a backup."""


class ModelCreated(_OfModel):
    """A registered model appeared."""

    kind: ClassVar[str] = "model.created"


class ModelRenamed(_OfModel):
    """A registered model has another name; each of its versions is observed under it."""

    kind: ClassVar[str] = "model.renamed"
    old: str
    """Its name before."""
    new: str
    """Its name now; the event is about the model under it."""


class ModelDeleted(_OfModel):
    """A registered model is gone, and its versions with it; confirmed by a read that said 404."""

    kind: ClassVar[str] = "model.deleted"


class ModelDescribed(_OfModel):
    """A registered model's description is another one."""

    kind: ClassVar[str] = "model.described"
    old: str
    """Description seen before."""
    new: str
    """Description seen now."""


class ModelTagSet(_OfModel):
    """A registered model's tag was set or overwritten."""

    kind: ClassVar[str] = "model.tag_set"
    tag: str
    """The tag's key."""
    value: str
    """Its value now."""
    previous: str | None
    """Its value before, None for no such tag."""


class ModelTagRemoved(_OfModel):
    """A registered model's tag is gone."""

    kind: ClassVar[str] = "model.tag_removed"
    tag: str
    """The tag's key."""
    previous: str
    """Its value before."""


class _OfAlias(_OfModel):
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
