"""Events as rows of the tables: type, subject, old, new."""

from processor.events import (
    AliasRemoved,
    AliasSet,
    Event,
    ModelDescribed,
    ModelRenamed,
    ModelTagRemoved,
    ModelTagSet,
    VersionDescribed,
    VersionObserved,
    VersionStageChanged,
    VersionTagRemoved,
    VersionTagSet,
)
from processor.events.model_version import _OfModel, _OfVersion
from processor.values.version import Version
from tests.registry.operations import Told


def told(event: Event) -> Told:
    """Return the row; anything about neither a model nor a version is a failure."""
    if not isinstance(event, _OfModel | _OfVersion):
        raise TypeError(f"not about the registry: {event}")
    subject = event.model if isinstance(event, _OfModel) else _at(event.version)
    tagged = (VersionTagSet, VersionTagRemoved, ModelTagSet, ModelTagRemoved)
    if isinstance(event, tagged):
        subject += f" tag:{event.tag}"
    if isinstance(event, AliasSet | AliasRemoved):
        subject += f" alias:{event.alias}"
    return (event.kind, subject, *_values(event))


def _values(event: Event) -> tuple[str | None, str | None]:
    match event:
        case ModelRenamed() | ModelDescribed() | VersionDescribed() | VersionStageChanged():
            return event.old, event.new
        case VersionTagSet() | ModelTagSet():
            return event.previous, event.value
        case AliasSet():
            return event.previous or None, event.number
        case AliasRemoved() | VersionTagRemoved() | ModelTagRemoved():
            return event.previous or None, None
        case VersionObserved(was=Version() as was):
            return _at(was), None
        case _:
            pass
    return None, None


def _at(version: Version) -> str:
    return f"{version.model}@{version.number}"
