"""What a policy says, fact by fact, in words and with the line each was written on.

Place in the flow: `explain` puts these together. The meaning of a value is its field's own
documentation, so that it cannot differ from docs/settings.md.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from pydantic import BaseModel

from processor.policy.policy import Policy
from processor.policy.targets import Target
from processor.rules.slots import dns_name, fill, main_edit
from processor.settings.written import DEFAULT, Place, Step, Written, dotted
from processor.values.span import span

_NOT_SET = "not set"


@dataclass(frozen=True)
class Fact:
    """Something that holds: `what` it is, what it `says`, and the `source` (file:line, default)."""

    what: str
    says: str
    source: str


@dataclass(frozen=True)
class Part:
    """Facts that belong together."""

    title: str
    facts: tuple[Fact, ...]


def settings_part(settings: BaseModel, written: Written) -> Part:
    """Return every setting but the mode, which `explain` tells by model."""
    facts = [fact for fact in _leaves(settings, written, ()) if fact.what.split("[")[0] != "mode"]
    return Part("settings", tuple(facts))


def policy_parts(policy: Policy, written: Written, model: str | None) -> list[Part]:
    """Return what a policy asks, with the model's name filled in where there is one."""
    own = [_fact(policy, name, written, (name,)) for name in ("workspace", "owner", "first")]
    parts = [Part("policy", tuple(own))]
    for number, gate in enumerate(policy.gates):
        place: Place = ("gates", number)
        facts = [
            one
            for one in _leaves(gate, written, place, skip=2)
            if one.source != DEFAULT or not one.says.startswith(_NOT_SET)
        ]
        parts.append(Part(f"gate {number + 1}: {gate.title}", tuple(facts)))
    values = {"model": dns_name(model)} if model is not None else {}
    for number, target in enumerate(policy.targets):
        parts.append(_target(policy, target, written, ("targets", number), values))
    return parts


def _target(
    policy: Policy, target: Target, written: Written, place: Place, values: Mapping[str, str]
) -> Part:
    """Return where a target's versions go, who decides, and what follows."""
    default = " (the default)" if target is policy.default_target else ""
    slot, (edit, path) = target.slot, main_edit(target)
    facts = [
        Fact(
            "slot",
            f"{path} of {edit.object.kind}/{fill(edit.object.name, values)} in "
            f"{fill(edit.file, values)}, {slot.forge}:{slot.repository}@{slot.branch}; one model "
            "per slot",
            written.source((*place, "slot")),
        ),
        *_edits(target, written, place, values),
        _fact(target, "cluster", written, (*place, "cluster"), skip=2),
        *_before(policy, target, written, place),
        Fact("approval", _approval(target), written.source((*place, "approval"))),
    ]
    if isinstance(target.approval, BaseModel):
        facts += _leaves(target.approval, written, (*place, "approval"), skip=2)
    facts += _leaves(target.rollout, written, (*place, "rollout"), skip=2)
    facts += _leaves(target.registry, written, (*place, "registry"), skip=2)
    known = {
        "name",
        "default",
        "slot",
        "edits",
        "cluster",
        "after",
        "approval",
        "rollout",
        "registry",
    }
    for name in type(target).model_fields:
        if name not in known:
            facts += _leaf_or_leaves(target, name, written, (*place, name), skip=2)
    return Part(f"target {target.name}{default}", tuple(facts))


def _edits(
    target: Target, written: Written, place: Place, values: Mapping[str, str]
) -> Iterator[Fact]:
    """Yield each scalar a promotion changes, and to what."""
    for number, edit in enumerate(target.edits):
        for path, value in edit.set.items():
            yield Fact(
                "edit",
                f"{fill(edit.file, values)}: {path} = {fill(value, values)}",
                written.source((*place, "edits", number, "set", path)),
            )


def _before(policy: Policy, target: Target, written: Written, place: Place) -> Iterator[Fact]:
    """Yield how a version comes to be asked for here."""
    source = written.source((*place, "after"))
    if target.after is not None:
        yield Fact(
            "asked for",
            f"once {target.after.target} has served the version for "
            f"{span(target.after.soak)} without a break; a person may ask sooner",
            source,
        )
    elif target is policy.first_target:
        yield Fact("asked for", "as soon as its gates have passed: it is the first target", source)
    else:
        yield Fact("asked for", "when a person asks: sluice request", source)


def _approval(target: Target) -> str:
    rule = target.approval
    if rule == "automatic":
        return "nobody is asked; Sluice merges what it proposed once the gates have passed"
    merger = "a person merges" if rule.merge == "person" else "Sluice merges"
    return (
        f"{rule.count} of {', '.join(rule.people)} must say yes, never the requester, trainer, "
        f"registrar or a committer of the change; then {merger}"
    )


def _leaf_or_leaves(
    model: BaseModel, name: str, written: Written, place: Place, *, skip: int
) -> Iterator[Fact]:
    """Yield one field, or every field of what it holds."""
    value = getattr(model, name)
    inner: list[tuple[Step, object]] = []
    if isinstance(value, BaseModel):
        yield from _leaves(value, written, place, skip=skip)
        return
    if isinstance(value, dict):
        inner = [(str(key), one) for key, one in value.items()]
    elif isinstance(value, tuple):
        inner = list(enumerate(value))
    if inner and all(isinstance(one, BaseModel) for _, one in inner):
        for step, one in inner:
            if isinstance(one, BaseModel):
                yield from _leaves(one, written, (*place, step), skip=skip)
        return
    yield _fact(model, name, written, place, skip=skip)


def _leaves(model: BaseModel, written: Written, place: Place, *, skip: int = 0) -> Iterator[Fact]:
    """Yield every value of a tree of models; `skip` leaves out the first steps of the names."""
    for name in type(model).model_fields:
        yield from _leaf_or_leaves(model, name, written, (*place, name), skip=skip)


def _fact(model: BaseModel, name: str, written: Written, place: Place, *, skip: int = 0) -> Fact:
    """Return one value, what it means, and where it comes from."""
    field = type(model).model_fields[name]
    means = " ".join((field.description or "").split())
    value = in_words(getattr(model, name))
    return Fact(dotted(place[skip:]) or name, f"{value}. {means}".strip(), written.source(place))


def in_words(value: object) -> str:
    """Return a value as a person would write it."""
    if value is None or value == "":
        return _NOT_SET
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, timedelta):
        return span(value)
    if isinstance(value, dict):
        return ", ".join(f"{key}: {in_words(one)}" for key, one in value.items()) or "none"
    if isinstance(value, tuple | list):
        return ", ".join(in_words(one) for one in value) or "none"
    return str(value)
