"""What is this promotion: its gates, its comparison, its change, who said yes, what is missing?

Place in the flow: the promotion page and `/v1/promotions/{id}`.
Readers never ask a forge, so the change shown is what the ledger knows it to be: each scalar
the policy sets, with the value of the version that serves now and the value proposed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from processor.errors import Refused
from processor.policy.targets import Target
from processor.rules.slots import dns_name, fill
from processor.values.evaluation import Comparison, GateResult, Training
from processor.values.promotion import Promotion
from processor.values.record import VersionRecord
from processor.values.serving import Serving
from processor.views.knowledge import Knowledge
from processor.views.promotions import PromotionRow, able, row_of, target_of
from processor.views.standing import verdict_of


@dataclass(frozen=True)
class Change:
    """One scalar in Git; `old` is None when nothing of ours serves there yet."""

    file: str
    object: str
    path: str
    old: str | None
    new: str


@dataclass(frozen=True)
class Yes:
    """An approval; `counts` is False once the head it was given for has moved."""

    by: str
    at: datetime
    head_sha: str
    counts: bool


@dataclass(frozen=True)
class PromotionPage:
    """Everything a person looks at before saying yes or no.

    `can_approve` names the people whose yes is still of use; `merge` is person or sluice.
    """

    promotion: PromotionRow
    verdict: str
    gates: tuple[GateResult, ...]
    comparison: Comparison | None
    training: Training | None
    uri: str
    repository: str
    branch: str
    changes: tuple[Change, ...]
    approvals: tuple[Yes, ...]
    can_approve: tuple[str, ...]
    merge: str
    merge_sha: str | None
    merged_by: str | None


async def promotion(known: Knowledge, promotion_id: str) -> PromotionPage:
    """Return one promotion. Raises Refused 404."""
    row = await known.views.get(Promotion, promotion_id)
    if row is None:
        raise Refused("No such promotion", f"there is no promotion {promotion_id}", status=404)
    record = await known.views.get(VersionRecord, row.version.path)
    judgement = record.judgement if record else None
    target = target_of(known, row)
    head = row.proposal.head_sha if row.proposal else ""
    rule = target.approval if target else None
    return PromotionPage(
        promotion=await row_of(known, row),
        verdict=verdict_of(record),
        gates=judgement.results if judgement else (),
        comparison=judgement.comparison if judgement else None,
        training=judgement.training if judgement else None,
        uri=row.uri,
        repository=row.slot.repository,
        branch=row.slot.branch,
        changes=tuple(await _changes(known, row, target)) if row.uri and target else (),
        approvals=tuple(
            Yes(str(given.by), given.at, given.head_sha, given.head_sha == head)
            for given in row.approvals
        ),
        can_approve=tuple(await able(known, row)) if row.state == "proposed" else (),
        merge="sluice" if rule is None or rule == "automatic" else rule.merge,
        merge_sha=row.merge_sha,
        merged_by=str(row.merged_by) if row.merged_by else None,
    )


async def _changes(known: Knowledge, row: Promotion, target: Target) -> Sequence[Change]:
    """Return each scalar the promotion sets, beside what is there before it."""
    before = await _before(known, row)
    run = await _run_of(known, row)
    new = {"uri": row.uri, "version": row.version.number, "run": run}
    old: Mapping[str, str] = {}
    if before is not None:
        old = {
            "uri": before.uri or "",
            "version": before.version.number if before.version else "",
            "run": await _run_of(known, before),
        }
    return list(_scalars(target, row.version.model, old, new))


def _scalars(
    target: Target, model: str, old: Mapping[str, str], new: Mapping[str, str]
) -> Iterable[Change]:
    """Yield the policy's edits, filled in."""
    name = {"model": dns_name(model)}
    for edit in target.edits:
        for path, value in edit.set.items():
            yield Change(
                file=fill(edit.file, name),
                object=f"{edit.object.kind}/{fill(edit.object.name, name)}",
                path=path,
                old=fill(value, {**name, **old}) if old else None,
                new=fill(value, {**name, **new}),
            )


async def _before(known: Knowledge, row: Promotion) -> Promotion | Serving | None:
    """Return what stood in the slot before: the last merged promotion of it, else what serves."""
    earlier = [
        other
        for other in await known.views.find(Promotion, slot=row.slot.key)
        if other.merge_sha and other.id != row.id and other.requested_at <= row.requested_at
    ]
    if earlier:
        return earlier[-1]
    serving = await known.views.get(Serving, row.slot.key)
    return serving if serving and serving.uri and serving.version != row.version else None


async def _run_of(known: Knowledge, row: Promotion | Serving) -> str:
    record = await known.views.get(VersionRecord, row.version.path) if row.version else None
    return record.run_id if record else ""
