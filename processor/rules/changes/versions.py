"""What changed on a version.

Place in the flow: see this room's beginning.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from processor.events import (
    Event,
    VersionDeleted,
    VersionDescribed,
    VersionObserved,
    VersionRegistered,
    VersionStageChanged,
    VersionTagRemoved,
    VersionTagSet,
)
from processor.rules.changes.found import Found, HeldVersion, by, drift, moment, older, subject_of
from processor.rules.ours import NOTHING, Look, Memory, read_field
from processor.values.about import About
from processor.values.effect import Effect, EffectClosing
from processor.values.principal import UNKNOWN, Principal
from processor.values.record import ASKING_TAG
from processor.values.registry import VersionSeen
from processor.values.version import Version

_STAGE = "stage"
_TAG = "tag:"


@dataclass(frozen=True, kw_only=True)
class _Change:
    """One look at one version that was known: before, now, and the revision after it."""

    before: HeldVersion
    now: VersionSeen
    look: Look
    revision: int
    restored: bool
    events: list[Event] = field(default_factory=list)
    closings: list[EffectClosing] = field(default_factory=list)
    memories: dict[str, Memory] = field(default_factory=dict)

    @property
    def discriminator(self) -> str:
        return f"{self.look.incarnation}:{self.revision}"


def of_new(
    now: VersionSeen, look: Look, *, observed_before_ms: int, creator: Effect | None
) -> Found:
    """Say that a version is there for the first time, and whether somebody asks something by a tag.

    One made before `observed_before_ms` was there when we came. `creator` is the effect that
    made it, if it is ours.
    """
    version = now.version
    kind = VersionObserved if version.created_ms < observed_before_ms else VersionRegistered
    actor, cause = by(creator)
    head = kind.heading(
        About.of(version),
        str(version.created_ms),
        actor=actor,
        cause=cause,
        time=moment(version.created_ms),
    )
    event = kind(
        head=head, version=version, run_id=now.run_id, stage=now.stage, artifact=now.source
    )
    asking: tuple[Event, ...] = ()
    if kind is VersionRegistered and ASKING_TAG in now.tags:
        asking = (_tag_set(now, ASKING_TAG, f"{version.created_ms}", UNKNOWN),)
    effects = look.of(subject_of(version), _STAGE)
    read = read_field(now.stage, now.stage, NOTHING, effects, look)
    return Found(
        events=(event, *asking),
        closings=read.closings + of_creation(creator, look),
        held=HeldVersion(seen=now, memories=_kept({_STAGE: read.memory})),
    )


def of_creation(creator: Effect | None, look: Look) -> tuple[EffectClosing, ...]:
    """Close the effect that made a version which a read asked for later shows."""
    if creator is None or not look.settled(creator):
        return ()
    return (EffectClosing(creator.key, "seen"),)


def of_moved(held: HeldVersion, model: str, look: Look, revision: int) -> Found:
    """Say that a version is observed under its model's new name; `revision` is the new row's."""
    old = held.seen.version
    version = replace(old, model=model)
    seen = replace(held.seen, version=version)
    event = VersionObserved(
        head=VersionObserved.heading(About.of(version), f"{look.incarnation}:{revision}"),
        version=version,
        run_id=seen.run_id,
        stage=seen.stage,
        artifact=seen.source,
        was=old,
    )
    return Found(events=(event,), held=replace(held, seen=seen))


def of_version(
    before: HeldVersion, now: VersionSeen, revision: int, look: Look, *, full: bool
) -> Found:
    """Say what changed on a version; `revision` is the snapshot's after this change.

    An older update time is a stale replica's answer: it counts only when two full readings
    agree on it, and is then told as restored.
    """
    doubt = older(before, now.updated_ms, full=full)
    if doubt is not None:
        return doubt
    restored = now.updated_ms < before.seen.updated_ms
    change = _Change(before=before, now=now, look=look, revision=revision, restored=restored)
    _staged(change)
    _described(change)
    _tagged(change)
    memories = _kept(change.memories)
    changed = bool(change.events) or memories != dict(before.memories)
    return Found(
        events=tuple(change.events),
        closings=tuple(change.closings),
        held=HeldVersion(seen=now, memories=memories)
        if changed or restored or before.doubted_ms is not None
        else None,
        restored=restored,
    )


def of_gone(version: Version, look: Look, *, restored: bool = False) -> Found:
    """Say that a version is gone, which a read of it alone has confirmed."""
    head = VersionDeleted.heading(About.of(version), str(version.created_ms))
    return Found(
        events=(VersionDeleted(head=head, version=version, restored=restored),),
        closings=tuple(
            EffectClosing(one.key, "overwritten")
            for one in look.about(subject_of(version))
            if look.settled(one)
        ),
    )


def _staged(it: _Change) -> None:
    """Compare the stage."""
    version = it.now.version
    memory = it.before.memories.get(_STAGE, NOTHING)
    effects = it.look.of(subject_of(version), _STAGE)
    read = read_field(it.before.seen.stage, it.now.stage, memory, effects, it.look)
    it.closings.extend(read.closings)
    it.memories[_STAGE] = read.memory
    if not read.changed:
        return
    actor, cause = by(read.ours)
    head = VersionStageChanged.heading(
        About.of(version),
        it.discriminator,
        actor=actor,
        cause=cause,
        time=moment(it.now.updated_ms),
    )
    it.events.append(
        VersionStageChanged(
            head=head, version=version, old=read.old, new=read.new, restored=it.restored
        )
    )
    it.events.extend(drift(version, _STAGE, read, it.discriminator))


def _described(it: _Change) -> None:
    """Compare the description."""
    old, new = it.before.seen.description, it.now.description
    if old == new:
        return
    head = VersionDescribed.heading(
        About.of(it.now.version),
        f"{it.discriminator}:description",
        time=moment(it.now.updated_ms),
    )
    it.events.append(
        VersionDescribed(head=head, version=it.now.version, old=old, new=new, restored=it.restored)
    )


def _tagged(it: _Change) -> None:
    """Compare the tags; MLflow keeps no time of theirs. Ours are those an effect asked for."""
    version, old, new = it.now.version, it.before.seen.tags, it.now.tags
    for tag in sorted({*old, *new, *_asked(it)}):
        name = f"{_TAG}{tag}"
        memory = it.before.memories.get(name, NOTHING)
        effects = it.look.of(subject_of(version), name)
        read = read_field(old.get(tag, ""), new.get(tag, ""), memory, effects, it.look)
        it.closings.extend(read.closings)
        it.memories[name] = read.memory
        if not read.changed and old.get(tag) == new.get(tag):
            continue
        actor, cause = by(read.ours)
        about, discriminator = About.of(version), f"{it.discriminator}:{name}"
        before = old.get(tag) if read.old == old.get(tag, "") else read.old
        if tag in new:
            told = _tag_set(it.now, tag, discriminator, actor, cause, before, restored=it.restored)
            it.events.append(told)
        else:
            it.events.append(
                VersionTagRemoved(
                    head=VersionTagRemoved.heading(about, discriminator, actor=actor, cause=cause),
                    version=version,
                    tag=tag,
                    previous=before or "",
                    restored=it.restored,
                )
            )


def _tag_set(
    now: VersionSeen,
    tag: str,
    discriminator: str,
    actor: Principal,
    cause: str | None = None,
    previous: str | None = None,
    *,
    restored: bool = False,
) -> VersionTagSet:
    """Return that a tag says what it says now."""
    about = About.of(now.version)
    return VersionTagSet(
        head=VersionTagSet.heading(about, discriminator, actor=actor, cause=cause),
        version=now.version,
        tag=tag,
        value=now.tags[tag],
        previous=previous,
        restored=restored,
    )


def _asked(it: _Change) -> Iterator[str]:
    """Yield the tags we asked for, or remember that we did."""
    for one in it.look.about(subject_of(it.now.version)):
        if one.field.startswith(_TAG):
            yield one.field.removeprefix(_TAG)
    for name in it.before.memories:
        if name.startswith(_TAG):
            yield name.removeprefix(_TAG)


def _kept(memories: Mapping[str, Memory]) -> dict[str, Memory]:
    """Return the memories that say anything."""
    return {name: memory for name, memory in memories.items() if memory != NOTHING}
