"""What the registry should say now.

Place in the flow: the mark handlers write exactly what this demands, whatever event woke them;
MLflow has no compare-and-swap, so the newest demand must always win.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from processor.policy.policy import Policy
from processor.policy.targets import Target
from processor.rules.promotion import MERGED, OPEN
from processor.values.effect import Effect
from processor.values.promotion import Promotion
from processor.values.record import ModelRecord, VersionRecord
from processor.values.serving import Serving
from processor.values.version import Version

_RANK = {"Archived": 0, "Staging": 1, "Production": 2}


@dataclass(frozen=True)
class Mark:
    """One thing the registry should say: `mark` is `stage` or `alias:<name>`."""

    version: Version
    mark: str
    value: str
    previous: str


@dataclass(frozen=True)
class Known:
    """Everything the ledger knows of one model."""

    records: Sequence[VersionRecord]
    promotions: Sequence[Promotion]
    servings: Sequence[Serving]
    model: ModelRecord | None


def demand(policy: Policy, known: Known) -> tuple[Mark, ...]:
    """Return the marks that differ from what the registry was last seen or told to say."""
    wanted: dict[tuple[str, str], tuple[Version, str]] = {}
    gone = {record.version for record in known.records if record.deleted}
    for record in known.records:
        if record.version not in gone and (stage := _stage(policy, known, record)):
            wanted[record.version.path, "stage"] = (record.version, stage)
    for target in policy.targets:
        for mark, version in _aliases(target, known):
            if version not in gone:
                wanted[version.key, mark] = (version, version.number)
    return tuple(
        Mark(version, mark, value, previous)
        for (_, mark), (version, value) in wanted.items()
        for previous, foreign in [_said(known, version, mark)]
        if value not in {previous, foreign}
    )


def stood(known: Known, effect: Effect) -> tuple[Mark, ...]:
    """Return the mark an interrupted turn's effect made, if it was answered or is seen to stand.

    Empty when nobody can tell: then the present demand decides, and the registry source closes
    the effect.
    """
    for record in known.records:
        version = record.version
        if effect.field == "stage":
            ours = effect.subject == f"registry:{version.path}"
        else:
            ours = effect.subject == f"registry:{version.key}" and version.number == effect.new
        if ours and not record.deleted:
            seen, _ = _said(known, version, effect.field)
            if effect.state == "done" or seen == effect.new:
                return (Mark(version, effect.field, effect.new, effect.old),)
    return ()


def _stages(marks: Sequence[str]) -> list[str]:
    """Return the stages among `stage:X` and `alias:y`."""
    return [mark.removeprefix("stage:") for mark in marks if mark.startswith("stage:")]


def _stage(policy: Policy, known: Known, record: VersionRecord) -> str | None:
    """Return the stage one version should have: the highest any target asks, else Archived."""
    asked: list[str] = []
    ever = needed = False
    for target in policy.targets:
        merged = _current(target, known)
        serves = [
            row
            for row in known.servings
            if row.target == target.name and row.version == record.version
        ]
        awaited = any(
            row.version == record.version and row.target == target.name and row.state in OPEN
            for row in known.promotions
        )
        ever = ever or any(
            row.version == record.version and row.target == target.name and row.merge_sha
            for row in known.promotions
        )
        served_last = any(
            row.version == record.version and row.target == target.name and row.state == "serving"
            for row in known.promotions
        )
        needed = needed or awaited or served_last or bool(serves)
        approved = any(row.approved for row in serves)
        if (merged is not None and merged.version == record.version) or approved:
            asked += _stages((*target.registry.on_merge, *target.registry.on_serving))
        if awaited:
            asked += _stages(target.registry.on_gates)
    if not asked and not ever and record.judgement and record.judgement.verdict == "passed":
        asked += [stage for target in policy.targets for stage in _stages(target.registry.on_gates)]
    if asked:
        return max(asked, key=lambda stage: _RANK[stage])
    marks_production = any(_stages(target.registry.on_merge) for target in policy.targets)
    return "Archived" if ever and not needed and marks_production else None


def _current(target: Target, known: Known) -> Promotion | None:
    """Return the promotion whose merge Git names now: the newest approved one of the target."""
    merged = [
        row
        for row in known.promotions
        if row.target == target.name and row.state in MERGED and row.state != "bypassed"
    ]
    return max(reversed(merged), key=lambda row: row.order, default=None)


def _aliases(target: Target, known: Known) -> list[tuple[str, Version]]:
    """Return which version each alias of a target should name."""
    pairs: list[tuple[str, Version]] = []
    passed = [
        row
        for row in known.records
        if not row.deleted and row.judgement and row.judgement.verdict == "passed"
    ]
    if passed:
        newest = max(passed, key=lambda row: (row.version.created_ms, int(row.version.number)))
        pairs += [(mark, newest.version) for mark in target.registry.on_gates]
    current = _current(target, known)
    if current is not None:
        pairs += [(mark, current.version) for mark in target.registry.on_merge]
    for row in known.servings:
        if row.target == target.name and row.version is not None and row.approved:
            pairs += [(mark, row.version) for mark in target.registry.on_serving]
    return [(mark, version) for mark, version in pairs if mark.startswith("alias:")]


def _said(known: Known, version: Version, mark: str) -> tuple[str, str | None]:
    """Return what the registry says of a mark, and the value of ours a stranger replaced."""
    holder: VersionRecord | ModelRecord | None
    if mark == "stage":
        holder = next((row for row in known.records if row.version == version), None)
        seen = holder.stage if holder else ""
    else:
        holder = known.model
        seen = holder.aliases.get(mark.removeprefix("alias:"), "") if holder else ""
    foreign: Mapping[str, str] = holder.authors.foreign if holder else {}
    return seen, foreign.get(mark)
