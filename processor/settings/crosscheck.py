"""Do the files agree with each other?

Place in the flow: `load` asks once every file is right by itself: names a policy uses must be
configured, no two policies may rule the same models, and one slot belongs to one model.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from processor.policy.policy import Policy
from processor.policy.targets import Approval, Target
from processor.rules.slot_conflicts import clashes
from processor.settings.complaints import nearest
from processor.settings.tree import Settings
from processor.settings.written import Place, Written


@dataclass(frozen=True)
class PolicyFile:
    """A policy and the file it was written in."""

    written: Written
    policy: Policy


def crosscheck(settings: Settings, files: Sequence[PolicyFile]) -> list[str]:
    """Return every disagreement, as `file:line: field: what`."""
    lines: list[str] = []
    for file in files:
        lines += _names(settings, file)
    lines += _ties(files)
    for clash in clashes([file.policy for file in files]):
        written = files[clash.policy].written
        where: Place = ("targets", clash.target, "edits", clash.edit)
        other = files[clash.other].written.shown if clash.other != clash.policy else ""
        lines.append(written.says(where, clash.sentence + (f" ({other})" if other else "")))
    return lines


def _names(settings: Settings, file: PolicyFile) -> Iterable[str]:
    """Yield the names a policy uses and nobody configured."""
    policy, written = file.policy, file.written
    if policy.workspace not in settings.registry.workspaces:
        yield _unknown(
            written, ("workspace",), policy.workspace, settings.registry.workspaces, "workspaces"
        )
    for place, target in enumerate(policy.targets):
        at: Place = ("targets", place)
        if target.slot.forge not in settings.forges:
            spot = (*at, "slot", "forge")
            yield _unknown(written, spot, target.slot.forge, settings.forges, "forges")
        if target.cluster not in settings.clusters:
            spot = (*at, "cluster")
            yield _unknown(written, spot, target.cluster, settings.clusters, "clusters")
        for number, name in enumerate(_approvers(target)):
            if name not in settings.people:
                spot = (*at, "approval", "people", number)
                yield _unknown(written, spot, name, settings.people, "people")


def _approvers(target: Target) -> Sequence[str]:
    return target.approval.people if isinstance(target.approval, Approval) else ()


def _unknown(written: Written, at: Place, name: str, known: Iterable[str], section: str) -> str:
    choices = list(known)
    if not choices:
        return written.says(at, f'"{name}" is not configured; {section} is empty in sluice.yaml')
    return written.says(at, f'"{name}" is not under {section}{nearest(name, choices)}')


def _ties(files: Sequence[PolicyFile]) -> Iterable[str]:
    """Yield policies whose pattern is another's: neither would be the more specific."""
    first: dict[tuple[str, str], PolicyFile] = {}
    for file in files:
        ruled = (file.policy.workspace, file.policy.models)
        other = first.setdefault(ruled, file)
        if other is not file:
            yield file.written.says(
                ("models",),
                f'"{file.policy.models}" is also ruled by {other.written.shown}:'
                f"{other.written.line(('models',))}; make one of them more specific",
            )
