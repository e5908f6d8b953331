"""Which model, version and target a question is about.

Place in the flow: every question about one model starts here, so that an unknown name is told
the same way on page, API and command line.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from processor.errors import Refused
from processor.policy.policy import Policy, PolicyTie
from processor.policy.targets import Target
from processor.values.record import VersionRecord
from processor.values.version import key_of, parts_of
from processor.views.knowledge import Knowledge


@dataclass(frozen=True)
class Subject:
    """A model the ledger knows; `versions` are the live ones, oldest first.

    `tie` says which two policies rule it, so that it has none.
    """

    workspace: str
    model: str
    key: str
    policy: Policy | None
    versions: tuple[VersionRecord, ...]
    tie: str = ""

    @property
    def newest(self) -> VersionRecord | None:
        """Return the newest live version."""
        return self.versions[-1] if self.versions else None

    def version(self, number: str) -> VersionRecord:
        """Return a version by number. Raises Refused 404 naming the newest."""
        found = next((one for one in self.versions if one.version.number == number), None)
        if found is None:
            newest = f"the newest is {self.newest.version.number}" if self.newest else "it has none"
            raise Refused(
                "No such version", f"{self.model} has no version {number}; {newest}", status=404
            )
        return found

    def targets(self, name: str | None = None) -> tuple[Target, ...]:
        """Return every target of the model's policy, or the named one.

        Raises Refused 404 when the policy, or a target of that name, is not there, 409 when two
        policies tie.
        """
        if self.tie:
            raise Refused("Two policies", self.tie)
        if self.policy is None:
            raise Refused("No policy", f"no policy rules the model {self.model}", status=404)
        if name is None:
            return self.policy.targets
        target = self.policy.target(name)
        if target is None:
            names = ", ".join(one.name for one in self.policy.targets)
            raise Refused(
                "No such target", f"{self.model} has no target {name}; it has {names}", status=404
            )
        return (target,)

    def target(self, name: str | None = None) -> Target:
        """Return the named target, else the policy's default one. Raises Refused 404, 409."""
        named = self.targets(name)
        return named[0] if name is not None or self.policy is None else self.policy.default_target


async def subject_of(known: Knowledge, model: str, workspace: str | None = None) -> Subject:
    """Return the model.

    Raises Refused 404 with the nearest known name, and 409 when it is in several workspaces and
    none was named.
    """
    places = (workspace,) if workspace is not None else known.workspaces
    found: dict[str, Sequence[VersionRecord]] = {}
    for place in places:
        key = key_of(known.registry, place, model)
        if records := await known.views.find(VersionRecord, model=key):
            found[place] = records
    if not found:
        raise Refused("No such model", await _unknown(known, model), status=404)
    if len(found) > 1:
        raise Refused(
            "Which one?",
            f"{model} is in the workspaces {' and '.join(sorted(found))}: name one",
            status=409,
        )
    place, records = next(iter(found.items()))
    live = sorted((one for one in records if not one.deleted), key=_place)
    policy, tie = None, ""
    try:
        policy = ruling_of(known, place, model)
    except Refused as two:
        tie = two.detail
    return Subject(place, model, key_of(known.registry, place, model), policy, tuple(live), tie)


def ruling_of(known: Knowledge, workspace: str, model: str) -> Policy | None:
    """Return the policy that rules a model, None without one. Raises Refused 409 when two tie."""
    try:
        return known.policies.ruling(workspace, model)
    except PolicyTie as tie:
        raise Refused("Two policies", str(tie)) from tie


async def _unknown(known: Knowledge, model: str) -> str:
    names = {parts_of(key)[-1] for key in await known.views.models()}
    close = difflib.get_close_matches(model, names, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    return f"the ledger has not heard of a model {model}{hint}"


def _place(record: VersionRecord) -> tuple[int, int]:
    """Order versions as the registry made them."""
    number = record.version.number
    return (int(number) if number.isdecimal() else 0, record.version.created_ms)
