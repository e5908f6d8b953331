"""What is this promotion: its gates, its comparison, its change, who said yes, what is missing?

Place in the flow: the promotion page and `/v1/promotions/{id}`.
Readers never ask a forge, so the change shown is what the pull request was opened with; what
others put on its branch since is said beside it.
"""

import shlex
from dataclasses import dataclass
from datetime import datetime

from processor.errors import Refused
from processor.values.evaluation import Comparison, GateResult, Training
from processor.values.promotion import Promotion
from processor.values.proposal import ScalarEdit
from processor.values.record import VersionRecord
from processor.views.knowledge import Knowledge
from processor.views.promotions import PromotionRow, able, row_of, target_of
from processor.views.standing import verdict_of


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

    `changes` is what the pull request was opened with. Where others committed to its branch since,
    `unshown` says so and `diff` is the command that shows it. `can_approve` names the people whose
    yes is still of use; `merge` is person or sluice.
    """

    promotion: PromotionRow
    verdict: str
    gates: tuple[GateResult, ...]
    comparison: Comparison | None
    training: Training | None
    uri: str
    repository: str
    branch: str
    changes: tuple[ScalarEdit, ...]
    unshown: str
    diff: str
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
    unshown, diff = _unshown(known, row)
    return PromotionPage(
        promotion=await row_of(known, row),
        verdict=verdict_of(record),
        gates=judgement.results if judgement else (),
        comparison=judgement.comparison if judgement else None,
        training=judgement.training if judgement else None,
        uri=row.uri,
        repository=row.slot.repository,
        branch=row.slot.branch,
        changes=row.edits,
        unshown=unshown,
        diff=diff,
        approvals=tuple(
            Yes(str(given.by), given.at, given.head_sha, given.head_sha == head)
            for given in row.approvals
        ),
        can_approve=tuple(await able(known, row)) if row.state == "proposed" else (),
        merge="sluice" if rule is None or rule == "automatic" else rule.merge,
        merge_sha=row.merge_sha,
        merged_by=str(row.merged_by) if row.merged_by else None,
    )


def _unshown(known: Knowledge, row: Promotion) -> tuple[str, str]:
    """Return that the branch holds more than what we proposed, and the command that shows it."""
    if row.proposal is None or not row.committers:
        return "", ""
    names = ", ".join(str(known.people.committer(who)) for who in row.committers)
    words = f"the branch holds commits by {names}, which these lines do not show"
    return words, f"git diff {shlex.quote(f'{row.slot.branch}...{row.proposal.branch}')}"
