"""What changed on a registered model.

Place in the flow: see this room's beginning.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypedDict

from processor.events import (
    AliasRemoved,
    AliasSet,
    Event,
    ModelCreated,
    ModelDeleted,
    ModelDescribed,
    ModelRenamed,
    ModelTagRemoved,
    ModelTagSet,
)
from processor.rules.changes.found import Found, HeldModel, by, drift, model_subject, moment, older
from processor.rules.ours import NOTHING, FieldRead, Look, Memory, read_field
from processor.values.about import About
from processor.values.effect import EffectClosing
from processor.values.registry import ModelSeen
from processor.values.version import Version

_ALIAS = "alias:"


class _Named(TypedDict):
    """What every event of a model has."""

    workspace: str
    model: str
    restored: bool


@dataclass(frozen=True, kw_only=True)
class _Change:
    """One look at one model that was known: before, now, and the revision after it."""

    registry: str
    before: HeldModel
    now: ModelSeen
    look: Look
    revision: int
    restored: bool
    versions: Mapping[str, Version]
    events: list[Event] = field(default_factory=list)
    closings: list[EffectClosing] = field(default_factory=list)
    memories: dict[str, Memory] = field(default_factory=dict)

    @property
    def about(self) -> About:
        return About(self.registry, self.now.workspace, self.now.name)

    @property
    def discriminator(self) -> str:
        return f"{self.look.incarnation}:{self.revision}"

    @property
    def named(self) -> _Named:
        return {
            "workspace": self.now.workspace,
            "model": self.now.name,
            "restored": self.restored,
        }


def same_model(held: HeldModel, now: ModelSeen) -> bool:
    """Tell whether a model is the one that was held under its name, and not made again."""
    return held.seen.created_ms == now.created_ms


def of_new_model(
    registry: str,
    now: ModelSeen,
    revision: int,
    look: Look,
    versions: Mapping[str, Version],
    *,
    observed_before_ms: int,
) -> Found:
    """Say that a model is there for the first time, and what its aliases name.

    One made before `observed_before_ms` was there when we came. It is ours where a request of
    ours to register a version of it is open: that makes the model first.
    """
    bare = HeldModel(seen=replace(now, aliases={}))
    found = of_model(registry, bare, now, revision, look, versions, full=True)
    held = found.held or HeldModel(seen=now)
    if now.created_ms < observed_before_ms:
        return replace(found, held=held)
    asked = look.of(model_subject(registry, now.workspace, now.name), "version")
    actor, cause = by(next(iter(asked), None))
    about = About(registry, now.workspace, now.name)
    head = ModelCreated.heading(
        about, str(now.created_ms), actor=actor, cause=cause, time=moment(now.created_ms)
    )
    created = ModelCreated(head=head, workspace=now.workspace, model=now.name)
    return replace(found, events=(created, *found.events), held=held)


def of_model(
    registry: str,
    before: HeldModel,
    now: ModelSeen,
    revision: int,
    look: Look,
    versions: Mapping[str, Version],
    *,
    full: bool,
) -> Found:
    """Say what changed on a model; `versions` are its known ones by number.

    An older update time counts only when two full readings agree on it, as with versions.
    """
    doubt = older(before, now.updated_ms, full=full)
    if doubt is not None:
        return doubt
    restored = now.updated_ms < before.seen.updated_ms
    it = _Change(
        registry=registry,
        before=before,
        now=now,
        look=look,
        revision=revision,
        restored=restored,
        versions=versions,
    )
    _described(it)
    _tagged(it)
    _aliased(it)
    held = HeldModel(seen=now, memories=it.memories, was=before.was)
    return Found(
        events=tuple(it.events),
        closings=tuple(it.closings),
        held=held if held != before else None,
        restored=restored,
    )


def of_renamed(
    registry: str, before: HeldModel, now: ModelSeen, revision: int, look: Look
) -> Found:
    """Say that a model has another name; what else changed on it is told by the next look."""
    old = before.seen
    about = About(registry, now.workspace, now.name)
    head = ModelRenamed.heading(
        about, f"{look.incarnation}:{revision}", time=moment(now.updated_ms)
    )
    event = ModelRenamed(
        head=head, workspace=now.workspace, model=now.name, old=old.name, new=now.name
    )
    held = replace(before, seen=replace(old, name=now.name), was=old.name)
    return Found(events=(event,), held=held)


def of_gone_model(
    registry: str, before: HeldModel, revision: int, look: Look, *, restored: bool = False
) -> Found:
    """Say that a model is gone, and its aliases with it; a read of it alone has confirmed it."""
    gone = before.seen
    subject = model_subject(registry, gone.workspace, gone.name)
    bare = of_model(
        registry,
        before,
        replace(gone, aliases={}),
        revision,
        look,
        {},
        full=True,
    )
    about = About(registry, gone.workspace, gone.name)
    head = ModelDeleted.heading(about, str(gone.created_ms))
    event = ModelDeleted(head=head, workspace=gone.workspace, model=gone.name, restored=restored)
    closings = tuple(
        EffectClosing(one.key, "overwritten")
        for one in look.about(subject)
        if one.field.startswith(_ALIAS) and look.settled(one)
    )
    told = [one.model_copy(update={"restored": restored}) for one in bare.events]
    return Found(events=(*told, event), closings=closings)


def _described(it: _Change) -> None:
    """Compare the description."""
    old, new = it.before.seen.description, it.now.description
    if old != new:
        head = ModelDescribed.heading(
            it.about, f"{it.discriminator}:description", time=moment(it.now.updated_ms)
        )
        it.events.append(ModelDescribed(head=head, old=old, new=new, **it.named))


def _tagged(it: _Change) -> None:
    """Compare the tags; none of them is ever ours."""
    old, new = it.before.seen.tags, it.now.tags
    for tag in sorted({*old, *new}):
        discriminator = f"{it.discriminator}:tag:{tag}"
        if tag in new and old.get(tag) != new[tag]:
            head = ModelTagSet.heading(it.about, discriminator)
            it.events.append(
                ModelTagSet(head=head, tag=tag, value=new[tag], previous=old.get(tag), **it.named)
            )
        elif tag not in new:
            head = ModelTagRemoved.heading(it.about, discriminator)
            it.events.append(ModelTagRemoved(head=head, tag=tag, previous=old[tag], **it.named))


def _aliased(it: _Change) -> None:
    """Compare the aliases."""
    old, new = it.before.seen.aliases, it.now.aliases
    subject = model_subject(it.registry, it.now.workspace, it.now.name)
    asked = {one.field for one in it.look.about(subject)} | {*it.before.memories}
    names = {one.removeprefix(_ALIAS) for one in asked if one.startswith(_ALIAS)}
    for alias in sorted({*old, *new, *names}):
        mark = f"{_ALIAS}{alias}"
        read = read_field(
            old.get(alias, ""),
            new.get(alias, ""),
            it.before.memories.get(mark, NOTHING),
            it.look.of(subject, mark),
            it.look,
        )
        it.closings.extend(read.closings)
        if read.memory != NOTHING:
            it.memories[mark] = read.memory
        if read.changed:
            discriminator = f"{it.discriminator}:{alias}"
            it.events.append(_alias(it, alias, read, discriminator))
            concerned = it.versions.get(read.expected or read.new)
            if concerned is not None:
                it.events.extend(drift(concerned, mark, read, discriminator))


def _alias(it: _Change, alias: str, read: FieldRead, discriminator: str) -> Event:
    """Return what happened to one alias."""
    actor, cause = by(read.ours)
    if read.new:
        head = AliasSet.heading(it.about, discriminator, actor=actor, cause=cause)
        return AliasSet(head=head, alias=alias, number=read.new, previous=read.old, **it.named)
    head = AliasRemoved.heading(it.about, discriminator, actor=actor, cause=cause)
    return AliasRemoved(head=head, alias=alias, previous=read.old, **it.named)
