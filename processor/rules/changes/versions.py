"""What changed in the registry between two looks, said as events.

Place in the flow: `sources/registry` gives what it held and what it reads now; what comes back
goes to the ledger in one append. Pure: the clock's moments are in the `Look`.

Ids: a version's appearance and end are told by its creation time, the registry's own fact; a
changed mark by incarnation and snapshot revision, since champion v1 -> v2 -> v1 is three facts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from processor.events import (
    AliasRemoved,
    AliasSet,
    DriftFound,
    Event,
    VersionDeleted,
    VersionObserved,
    VersionRegistered,
    VersionStageChanged,
)
from processor.rules.ours import NOTHING, FieldRead, Look, Memory, read_field
from processor.values.about import About
from processor.values.effect import Effect, EffectClosing
from processor.values.principal import SLUICE, UNKNOWN, Principal
from processor.values.registry import ModelSeen, VersionSeen
from processor.values.version import Version, key_of


@dataclass(frozen=True, kw_only=True)
class HeldVersion:
    """What the snapshot of a version keeps.

    `doubted_ms` is an older update time that one full reading claimed: a second one confirms it.
    """

    seen: VersionSeen
    memory: Memory = NOTHING
    doubted_ms: int | None = None


@dataclass(frozen=True, kw_only=True)
class HeldModel:
    """What the snapshot of a model keeps: its aliases, and our writes to each."""

    aliases: Mapping[str, str] = field(default_factory=dict)
    memories: Mapping[str, Memory] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Found:
    """What one subject's reading leads to; `held` None leaves the snapshot as it is."""

    events: tuple[Event, ...] = ()
    closings: tuple[EffectClosing, ...] = ()
    held: HeldVersion | HeldModel | None = None

    @property
    def tells(self) -> bool:
        """Tell whether there is anything to append."""
        return bool(self.events or self.closings or self.held)


def subject_of(version: Version) -> str:
    """Return the snapshot (and effect) subject of a version."""
    return f"registry:{version.path}"


def model_subject(registry: str, workspace: str, model: str) -> str:
    """Return the snapshot (and effect) subject of a model's aliases and new versions."""
    return f"registry:{key_of(registry, workspace, model)}"


def of_new(
    now: VersionSeen, look: Look, *, observed_before_ms: int, creator: Effect | None
) -> Found:
    """Say that a version is there for the first time.

    One made before `observed_before_ms` was there when we came. `creator` is the effect that
    made it, if it is ours.
    """
    version = now.version
    kind = VersionObserved if version.created_ms < observed_before_ms else VersionRegistered
    actor, cause = _by(creator)
    head = kind.heading(
        About.of(version),
        str(version.created_ms),
        actor=actor,
        cause=cause,
        time=_moment(version.created_ms),
    )
    event = kind(
        head=head, version=version, run_id=now.run_id, stage=now.stage, artifact=now.source
    )
    effects = look.of(subject_of(version), "stage")
    read = read_field(now.stage, now.stage, NOTHING, effects, look)
    return Found(
        events=(event,),
        closings=read.closings + of_creation(creator, look),
        held=HeldVersion(seen=now, memory=read.memory),
    )


def of_creation(creator: Effect | None, look: Look) -> tuple[EffectClosing, ...]:
    """Close the effect that made a version which a read asked for later shows."""
    if creator is None or not look.settled(creator):
        return ()
    return (EffectClosing(creator.key, "seen"),)


def of_version(
    before: HeldVersion, now: VersionSeen, revision: int, look: Look, *, full: bool
) -> Found:
    """Say what changed on a version; `revision` is the snapshot's after this change.

    An older update time is a stale replica's answer: it counts only when two full readings
    agree on it.
    """
    if now.updated_ms < before.seen.updated_ms:
        if not full:
            return Found()
        if before.doubted_ms != now.updated_ms:
            doubting = HeldVersion(
                seen=before.seen, memory=before.memory, doubted_ms=now.updated_ms
            )
            return Found(held=doubting)
    effects = look.of(subject_of(now.version), "stage")
    read = read_field(before.seen.stage, now.stage, before.memory, effects, look)
    changed = read.changed or read.memory != before.memory
    events: list[Event] = []
    if read.changed:
        actor, cause = _by(read.ours)
        discriminator = f"{look.incarnation}:{revision}"
        head = VersionStageChanged.heading(
            About.of(now.version),
            discriminator,
            actor=actor,
            cause=cause,
            time=_moment(now.updated_ms),
        )
        events.append(
            VersionStageChanged(head=head, version=now.version, old=read.old, new=read.new)
        )
        events += _drift(now.version, "stage", read, discriminator)
    return Found(
        events=tuple(events),
        closings=read.closings,
        held=HeldVersion(seen=now, memory=read.memory) if changed else None,
    )


def of_gone(version: Version, look: Look) -> Found:
    """Say that a version is gone, which a read of it alone has confirmed."""
    head = VersionDeleted.heading(About.of(version), str(version.created_ms))
    effects = look.of(subject_of(version), "stage")
    return Found(
        events=(VersionDeleted(head=head, version=version),),
        closings=tuple(
            EffectClosing(one.key, "overwritten") for one in effects if look.settled(one)
        ),
    )


def of_model(
    registry: str,
    before: HeldModel,
    now: ModelSeen,
    revision: int,
    look: Look,
    versions: Mapping[str, Version],
) -> Found:
    """Say what changed among a model's aliases; `versions` are its known ones by number."""
    subject = model_subject(registry, now.workspace, now.name)
    about = About(registry, now.workspace, now.name)
    asked = {one.field for one in look.effects if one.subject == subject}
    names = {one.removeprefix("alias:") for one in asked if one.startswith("alias:")}
    events: list[Event] = []
    closings: list[EffectClosing] = []
    memories: dict[str, Memory] = {}
    for alias in sorted({*before.aliases, *now.aliases, *before.memories, *names}):
        mark = f"alias:{alias}"
        read = read_field(
            before.aliases.get(alias, ""),
            now.aliases.get(alias, ""),
            before.memories.get(alias, NOTHING),
            look.of(subject, mark),
            look,
        )
        closings += read.closings
        if read.memory != NOTHING:
            memories[alias] = read.memory
        if read.changed:
            discriminator = f"{look.incarnation}:{revision}:{alias}"
            events.append(_alias(about, now, alias, read, discriminator))
            concerned = versions.get(read.expected or read.new)
            if concerned is not None:
                events += _drift(concerned, mark, read, discriminator)
    changed = bool(events) or memories != dict(before.memories)
    held = HeldModel(aliases=dict(now.aliases), memories=memories)
    return Found(events=tuple(events), closings=tuple(closings), held=held if changed else None)


def _alias(about: About, now: ModelSeen, alias: str, read: FieldRead, discriminator: str) -> Event:
    """Return what happened to one alias."""
    actor, cause = _by(read.ours)
    if read.new:
        return AliasSet(
            head=AliasSet.heading(about, discriminator, actor=actor, cause=cause),
            workspace=now.workspace,
            model=now.name,
            alias=alias,
            number=read.new,
            previous=read.old,
        )
    return AliasRemoved(
        head=AliasRemoved.heading(about, discriminator, actor=actor, cause=cause),
        workspace=now.workspace,
        model=now.name,
        alias=alias,
        previous=read.old,
    )


def _drift(
    version: Version, mark: str, read: FieldRead, discriminator: str
) -> Sequence[DriftFound]:
    """Return the drift when an older request of ours undid a newer one."""
    if read.expected is None:
        return ()
    actor, cause = _by(read.ours)
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


def _by(effect: Effect | None) -> tuple[Principal, str | None]:
    """Return actor and cause of a change: ours, or nobody knows whose."""
    return (SLUICE, effect.cause) if effect else (UNKNOWN, None)


def _moment(ms: int) -> datetime:
    """Return the registry's milliseconds as a moment, UTC."""
    return datetime.fromtimestamp(ms / 1000, UTC)
