"""What is held of a version or a model, and what one reading of it leads to.

Place in the flow: the other files of this room return these; `sources/registry` stores them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from processor.events import DriftFound, Event
from processor.rules.ours import FieldRead, Memory
from processor.values.about import About
from processor.values.effect import Effect, EffectClosing
from processor.values.principal import SLUICE, UNKNOWN, Principal
from processor.values.registry import ModelSeen, VersionSeen
from processor.values.version import Version, key_of


@dataclass(frozen=True, kw_only=True)
class HeldVersion:
    """What the snapshot of a version keeps; `memories` by field (`stage`, `tag:<key>`).

    `doubted_ms` is an older update time that one full reading claimed: a second one confirms it.
    """

    seen: VersionSeen
    memories: Mapping[str, Memory] = field(default_factory=dict)
    doubted_ms: int | None = None


@dataclass(frozen=True, kw_only=True)
class HeldModel:
    """What the snapshot of a model keeps; `memories` by field (`alias:<name>`).

    `was` is the name it was renamed from, whose rows may not be cleared away yet.
    """

    seen: ModelSeen
    memories: Mapping[str, Memory] = field(default_factory=dict)
    doubted_ms: int | None = None
    was: str = ""


@dataclass(frozen=True, kw_only=True)
class Found:
    """What one subject's reading leads to; `held` None leaves the snapshot as it is.

    `doubts`: the registry claims an older state; `restored`: a second full reading agreed.
    """

    events: tuple[Event, ...] = ()
    closings: tuple[EffectClosing, ...] = ()
    held: HeldVersion | HeldModel | None = None
    doubts: bool = False
    restored: bool = False

    @property
    def tells(self) -> bool:
        """Tell whether there is anything to append."""
        return bool(self.events or self.closings or self.held)


def older(held: HeldVersion | HeldModel, updated_ms: int, *, full: bool) -> Found | None:
    """Return what a claim of an older time leads to, None where the reading counts.

    It may be a stale replica's answer: it counts only when two full readings agree on it.
    """
    if updated_ms >= held.seen.updated_ms or (full and held.doubted_ms == updated_ms):
        return None
    new = full and held.doubted_ms != updated_ms
    return Found(held=replace(held, doubted_ms=updated_ms) if new else None, doubts=True)


def subject_of(version: Version) -> str:
    """Return the snapshot (and effect) subject of a version."""
    return f"registry:{version.path}"


def model_subject(registry: str, workspace: str, model: str) -> str:
    """Return the snapshot (and effect) subject of a model's aliases and new versions."""
    return f"registry:{key_of(registry, workspace, model)}"


def by(effect: Effect | None) -> tuple[Principal, str | None]:
    """Return actor and cause of a change: ours, or nobody knows whose."""
    return (SLUICE, effect.cause) if effect else (UNKNOWN, None)


def moment(ms: int) -> datetime:
    """Return the registry's milliseconds as a moment, UTC."""
    return datetime.fromtimestamp(ms / 1000, UTC)


def drift(
    version: Version, mark: str, read: FieldRead, discriminator: str
) -> tuple[DriftFound, ...]:
    """Return the drift when an older request of ours undid a newer one."""
    if read.expected is None:
        return ()
    actor, cause = by(read.ours)
    head = DriftFound.heading(
        About.of(version), f"{discriminator}:{mark}", actor=actor, cause=cause
    )
    return (
        DriftFound(
            head=head,
            version=version,
            field=mark,
            expected=read.expected,
            actual=read.new,
            ours=True,
        ),
    )
