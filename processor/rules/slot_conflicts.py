"""One model per slot: which policies would make two models write one scalar in Git.

Place in the flow: `config check` asks by patterns before anything runs; the registry source asks
by name when it meets a new model.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from processor.policy.policy import Policies, Policy
from processor.policy.targets import Target
from processor.rules.slots import main_edit, slot_of
from processor.values.slot import Slot

_FIX = "put {model} in the edit's file or object name"


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
            tied = other != number and policies[other].models == policy.models
            if taken is not target and not tied:
                sentence = (
                    f'target "{target.name}" of "{policy.models}" and target "{taken.name}" of '
                    f'"{policies[other].models}" would write the same scalar, '
                    f"{_where(slot_of(target, policy.models))}; one model and target per slot"
                )
                found.append(Clash(*spot, other, sentence))
    return found


def slot_conflicts(policies: Policies, models: Iterable[tuple[str, str]]) -> list[str]:
    """Return a sentence for every slot that two of these (workspace, model) would share."""
    found: list[str] = []
    owners: dict[str, tuple[str, str, str]] = {}
    for workspace, model in sorted(set(models)):
        try:
            policy = policies.ruling(workspace, model)
        except ValueError as tie:
            found.append(str(tie))
            continue
        for target in policy.targets if policy else ():
            slot = slot_of(target, model)
            mine = (workspace, model, target.name)
            owner = owners.setdefault(slot.key, mine)
            if owner != mine:
                found.append(
                    f'model "{model}" (target {target.name}) and model "{owner[1]}" '
                    f"(target {owner[2]}) share one slot, {_where(slot)}; {_FIX}"
                )
    return found


def _is_pattern(models: str) -> bool:
    return any(mark in models for mark in "*?[")


def _where(slot: Slot) -> str:
    return (
        f"{slot.path} of {slot.object} in {slot.file} "
        f"({slot.forge}:{slot.repository}@{slot.branch})"
    )
