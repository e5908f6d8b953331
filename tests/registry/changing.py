"""Changes of single fields of a registry, made one after another, and who missed which.

Place in the flow: the R6 drills. A field is one value somebody can change: a version's stage,
description or tag, a model's description or tag, an alias, the newest version of a model. What was
made of a field is compared with what was told of it: the same values in the same order, each once.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from processor.events import (
    AliasSet,
    Event,
    ModelDescribed,
    ModelTagSet,
    VersionDescribed,
    VersionRegistered,
    VersionStageChanged,
    VersionTagSet,
)

Field = tuple[str, str, str]
"""Kind, model, and the version number, alias or nothing."""

CARRIED_BY: Mapping[str, str] = {
    "stage": "changes",
    "description": "changes",
    "version": "changes",
    "model description": "changes",
    "alias": "models",
    "model tag": "models",
    "tag": "reconcile",
}
"""Which look sees a change of each kind of field."""
HOOKED = frozenset({"version", "alias", "tag"})
"""Kinds of which MLflow sends a hook at all; there is none for the others (measured on 3.18)."""
STAGES = ("Staging", "Production", "Archived", "None")
TAG = "note"


@dataclass(frozen=True)
class Change:
    """A field got a value, at this moment of the drill's clock."""

    at: float
    field: Field
    value: str


def field_of(event: Event) -> tuple[Field, str] | None:
    """Return the field an event is about and its value now; None for any other event."""
    match event:
        case VersionStageChanged() | VersionDescribed():
            kind = "stage" if isinstance(event, VersionStageChanged) else "description"
            return (kind, event.version.model, event.version.number), event.new
        case VersionTagSet():
            return ("tag", event.version.model, event.version.number), event.value
        case VersionRegistered():
            return ("version", event.version.model, ""), event.version.number
        case ModelDescribed():
            return ("model description", event.model, ""), event.new
        case ModelTagSet():
            return ("model tag", event.model, ""), event.value
        case AliasSet():
            return ("alias", event.model, event.alias), event.number
        case _:
            return None


@dataclass
class Judged:
    """What was made, what was not told, what was told beside it, and how late in seconds."""

    made: int = 0
    lost: list[Change] = field(default_factory=list)
    beside: list[tuple[Field, str]] = field(default_factory=list)
    late: dict[str, list[float]] = field(default_factory=dict)


def judge(made: Iterable[Change], told: Sequence[tuple[float, Event]]) -> Judged:
    """Compare the changes made with the events told, each with the moment it was stored."""
    told_of: dict[Field, list[tuple[float, str]]] = {}
    found = Judged()
    for at, event in told:
        about = field_of(event)
        if about is None:
            raise AssertionError(f"nobody did this: {event}")
        told_of.setdefault(about[0], []).append((at, about[1]))
    for change in made:
        found.made += 1
        waiting = told_of.get(change.field, [])
        # A told value that fits none of what was made is beside it, and holds up nothing behind it.
        fitting = next((n for n, one in enumerate(waiting) if one[1] == change.value), None)
        if fitting is None or waiting[fitting][0] < change.at:
            found.lost.append(change)
            continue
        found.beside += [(change.field, value) for _, value in waiting[:fitting]]
        late = waiting[fitting][0] - change.at
        found.late.setdefault(CARRIED_BY[change.field[0]], []).append(late)
        del waiting[: fitting + 1]
    found.beside += [(name, value) for name, rest in told_of.items() for _, value in rest]
    return found
