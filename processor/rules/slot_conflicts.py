"""One model per slot: which policies would make two models write one scalar in Git.

Place in the flow: `config check` asks by patterns before anything runs; `evaluate`, `why-not` and
`doctor` ask by name for the models that were met, `propose` by what stands in the slot.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from processor.policy.policy import Policies, Policy, PolicyTie
from processor.policy.targets import Target
from processor.rules.promotion import MERGED
from processor.rules.slots import main_edit, slot_of
from processor.values.promotion import Promotion
from processor.values.serving import Serving
from processor.values.slot import Slot
from processor.values.version import parts_of

_FIX = "put {model} in the edit's file or object name"
_FIX_NAMED = "give each a file or an object of its own"


@dataclass(frozen=True)
class Clash:
    """Where it is written (places in the lists), whom it collides with, and the sentence."""

    policy: int
    target: int
    edit: int
    other: int
    sentence: str


def clashes(policies: Sequence[Policy]) -> list[Clash]:
    """Return the slots that, by the policies' patterns alone, two models or targets share."""
    found: list[Clash] = []
    owners: dict[str, tuple[int, Target]] = {}
    for number, policy in enumerate(policies):
        for place, target in enumerate(policy.targets):
            edit, _ = main_edit(target)
            spot = (number, place, target.edits.index(edit))
            named = "{model}" in edit.file or "{model}" in edit.object.name
            if _is_pattern(policy.models) and not named:
                sentence = (
                    f'every model that "{policy.models}" matches would write the same scalar, '
                    f"{_where(slot_of(target, policy.models))}; {_FIX}"
                )
                found.append(Clash(*spot, number, sentence))
            # a pattern with {model} in its edit gives each model its own slot: it can only
            # collide with another target of the same pattern
            key = f"{policy.workspace} {policy.models} " if _is_pattern(policy.models) else ""
            key += slot_of(target, policy.models).key
            other, taken = owners.setdefault(key, (number, target))
            ruled = (policy.workspace, policy.models)
            # two policies that rule the same models are told as a tie
            tied = other != number and (policies[other].workspace, policies[other].models) == ruled
            if taken is not target and not tied:
                sentence = (
                    f'target "{target.name}" of "{policy.models}" and target "{taken.name}" of '
                    f'"{policies[other].models}" would write the same scalar, '
                    f"{_where(slot_of(target, policy.models))}; one model and target per slot"
                )
                found.append(Clash(*spot, other, sentence))
    return found


@dataclass(frozen=True)
class Conflict:
    """The key of the model that cannot have its slots, and why in a sentence."""

    model: str
    sentence: str


def slot_conflicts(policies: Policies, met: Iterable[str]) -> Iterator[Conflict]:
    """Yield what keeps models, given by key in the order they were met, from their slots.

    A slot is the first one's; of a model that two policies rule, the tie is told.
    """
    owners: dict[Slot, tuple[str, Target]] = {}
    for key in dict.fromkeys(met):
        _, workspace, model = parts_of(key)
        try:
            policy = policies.ruling(workspace, model)
        except PolicyTie as tie:
            yield Conflict(key, str(tie))
            continue
        for target in policy.targets if policy else ():
            slot = slot_of(target, model)
            owner, taken = owners.setdefault(slot, (key, target))
            if taken is not target or owner != key:
                edit, _ = main_edit(target)
                named = "{model}" in edit.file or "{model}" in edit.object.name
                yield Conflict(
                    key,
                    f"{_named(key, target, owner)} and {_named(owner, taken, key)} share one slot, "
                    f"{_where(slot)}; {_FIX_NAMED if named else _FIX}",
                )


def conflict_of(policies: Policies, met: Sequence[str], key: str) -> str | None:
    """Return what keeps one of the models that were met from its slots, None when nothing does."""
    until = met[: met.index(key) + 1] if key in met else (*met, key)
    found = slot_conflicts(policies, until)
    return next((one.sentence for one in found if one.model == key), None)


def tenant_of(promotions: Iterable[Promotion], serving: Serving | None, key: str) -> str | None:
    """Return the key of another model that a slot belongs to by what happened there, or None.

    That is one with an open proposal, one that was ever merged, and one that serves. A mere
    request takes nothing: it may have been refused for this very reason.
    """
    for one in promotions:
        taken = one.merge_sha or one.state == "proposed" or one.state in MERGED
        if taken and one.version.key != key:
            return one.version.key
    if serving is not None and serving.version is not None and serving.version.key != key:
        return serving.version.key
    return None


def model_in_words(key: str, beside: str) -> str:
    """Return a model's name, with its workspace where the other one's differs."""
    (_, workspace, model), (_, another, _) = parts_of(key), parts_of(beside)
    return f'model "{model}"' + (f' of workspace "{workspace}"' if workspace != another else "")


def _named(key: str, target: Target, beside: str) -> str:
    return f"{model_in_words(key, beside)} (target {target.name})"


def _is_pattern(models: str) -> bool:
    return any(mark in models for mark in "*?[")


def _where(slot: Slot) -> str:
    return (
        f"{slot.path} of {slot.object} in {slot.file} "
        f"({slot.forge}:{slot.repository}@{slot.branch})"
    )
