"""What the registry should say now.

Place in the flow: the mark handlers write exactly what this demands, whatever event woke them;
MLflow has no compare-and-swap, so the newest demand must always win.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from processor.policy.policy import Policy
from processor.policy.targets import Target
from processor.rules.promotion import MERGED, OPEN
from processor.values.effect import Effect
from processor.values.promotion import Promotion
from processor.values.record import ASKING_TAG, ModelRecord, VersionRecord
from processor.values.serving import Serving
from processor.values.version import Version

_RANK = {"Archived": 0, "Staging": 1, "Production": 2}


@dataclass(frozen=True)
class Mark:
    """One thing the registry should say: `mark` is `stage`, `alias:<name>` or `tag:<key>`."""

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


@dataclass(frozen=True)
class _At:
    """One target, and which versions it has to do with: a model may have thousands.

    `current` is the promotion whose merge Git names now, the newest approved one. `ever` was
    merged here, `awaited` is on its way, `served` by the last word of a rollout; `serves` and
    `approved` are what runs now, by `servings`.
    """

    target: Target
    servings: Sequence[Serving]
    current: Promotion | None
    ever: frozenset[Version]
    awaited: frozenset[Version]
    served: frozenset[Version]
    serves: frozenset[Version]
    approved: frozenset[Version]


def demand(policy: Policy, known: Known) -> tuple[Mark, ...]:
    """Return the marks that differ from what the registry was last seen or told to say."""
    wanted: dict[tuple[str, str], tuple[Version, str]] = {}
    records = {record.version: record for record in known.records}
    gone = {version for version, record in records.items() if record.deleted}
    targets = _targets(policy, known)
    for record in known.records:
        if record.version not in gone and (stage := _stage(targets, record)):
            wanted[record.version.path, "stage"] = (record.version, stage)
    newest = _newest_passed(known.records)
    for at in targets:
        for mark, version in _aliases(at, newest):
            if version not in gone:
                wanted[version.key, mark] = (version, version.number)
    heard = (
        Mark(record.version, f"tag:{ASKING_TAG}", "", record.asks)
        for record in known.records
        if record.asks is not None and not record.deleted
    )
    return (
        *heard,
        *_differing(wanted, records, known.model),
    )


def _differing(
    wanted: Mapping[tuple[str, str], tuple[Version, str]],
    records: Mapping[Version, VersionRecord],
    model: ModelRecord | None,
) -> tuple[Mark, ...]:
    """Return the marks that stand otherwise, and that no stranger put there over ours."""
    return tuple(
        Mark(version, mark, value, previous)
        for (_, mark), (version, value) in wanted.items()
        for previous, foreign in [_said(records.get(version) if mark == "stage" else model, mark)]
        if value not in {previous, foreign}
    )


def stood(known: Known, effect: Effect) -> tuple[Mark, ...]:
    """Return the mark an interrupted turn's effect made, if it was answered or is seen to stand.

    Empty when nobody can tell: then the present demand decides, and the registry source closes
    the effect.
    """
    for record in known.records:
        version = record.version
        if not effect.field.startswith("alias:"):
            ours = effect.subject == f"registry:{version.path}"
        else:
            ours = effect.subject == f"registry:{version.key}" and version.number == effect.new
        if ours and not record.deleted:
            if effect.field.startswith("tag:"):
                seen = record.asks or ""
            else:
                seen, _ = _said(record if effect.field == "stage" else known.model, effect.field)
            if effect.state == "done" or seen == effect.new:
                return (Mark(version, effect.field, effect.new, effect.old),)
    return ()


def _targets(policy: Policy, known: Known) -> Sequence[_At]:
    """Return every target of the policy with its versions; everything known is read once."""
    promotions: dict[str, list[Promotion]] = {target.name: [] for target in policy.targets}
    servings: dict[str, list[Serving]] = {target.name: [] for target in policy.targets}
    for promotion in known.promotions:
        promotions.get(promotion.target, []).append(promotion)
    for serving in known.servings:
        servings.get(serving.target, []).append(serving)
    return [
        _at(target, promotions[target.name], servings[target.name]) for target in policy.targets
    ]


def _at(target: Target, promotions: Sequence[Promotion], servings: Sequence[Serving]) -> _At:
    """Return one target with the versions of its promotions and of what serves there."""
    return _At(
        target=target,
        servings=servings,
        current=_current(promotions),
        ever=frozenset(row.version for row in promotions if row.merge_sha),
        awaited=frozenset(row.version for row in promotions if row.state in OPEN),
        served=frozenset(row.version for row in promotions if row.state == "serving"),
        serves=_versions(servings),
        approved=_versions(row for row in servings if row.approved),
    )


def _versions(servings: Iterable[Serving]) -> frozenset[Version]:
    """Return the versions that serve."""
    return frozenset(row.version for row in servings if row.version is not None)


def _current(promotions: Sequence[Promotion]) -> Promotion | None:
    """Return the newest approved merge among one target's promotions."""
    merged = [row for row in promotions if row.state in MERGED and row.state != "bypassed"]
    return max(reversed(merged), key=lambda row: row.order, default=None)


def _stages(marks: Sequence[str]) -> list[str]:
    """Return the stages among `stage:X` and `alias:y`."""
    return [mark.removeprefix("stage:") for mark in marks if mark.startswith("stage:")]


def _stage(targets: Sequence[_At], record: VersionRecord) -> str | None:
    """Return the stage one version should have: the highest any target asks, else Archived."""
    asked: list[str] = []
    ever = needed = False
    version = record.version
    for at in targets:
        marks = at.target.registry
        awaited = version in at.awaited
        ever = ever or version in at.ever
        needed = needed or awaited or version in at.served or version in at.serves
        merged = at.current is not None and at.current.version == version
        if merged or version in at.approved:
            asked += _stages((*marks.on_merge, *marks.on_serving))
        if awaited:
            asked += _stages(marks.on_gates)
    if not asked and not ever and _passed(record):
        asked += [stage for at in targets for stage in _stages(at.target.registry.on_gates)]
    if asked:
        return max(asked, key=lambda stage: _RANK[stage])
    marks_production = any(_stages(at.target.registry.on_merge) for at in targets)
    return "Archived" if ever and not needed and marks_production else None


def _passed(record: VersionRecord) -> bool:
    """Tell whether a version passed its gates."""
    return record.judgement is not None and record.judgement.verdict == "passed"


def _newest_passed(records: Sequence[VersionRecord]) -> Version | None:
    """Return the newest version there is that passed its gates."""
    passed = [row.version for row in records if not row.deleted and _passed(row)]
    return max(passed, key=lambda version: (version.created_ms, int(version.number)), default=None)


def _aliases(at: _At, newest: Version | None) -> list[tuple[str, Version]]:
    """Return which version each alias of a target should name."""
    marks = at.target.registry
    pairs: list[tuple[str, Version]] = []
    if newest is not None:
        pairs += [(mark, newest) for mark in marks.on_gates]
    if at.current is not None:
        pairs += [(mark, at.current.version) for mark in marks.on_merge]
    for row in at.servings:
        if row.version is not None and row.approved:
            pairs += [(mark, row.version) for mark in marks.on_serving]
    return [(mark, version) for mark, version in pairs if mark.startswith("alias:")]


def _said(holder: VersionRecord | ModelRecord | None, mark: str) -> tuple[str, str | None]:
    """Return what the registry says of a mark, and the value of ours a stranger replaced.

    `holder` is the version's record for its stage, the model's for an alias.
    """
    if holder is None:
        return "", None
    foreign: Mapping[str, str] = holder.authors.foreign
    if isinstance(holder, VersionRecord):
        return holder.stage, foreign.get(mark)
    return holder.aliases.get(mark.removeprefix("alias:"), ""), foreign.get(mark)
