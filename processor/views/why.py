"""Why does this version serve? The six audit questions.

Place in the flow: `sluice why`, the model's page, `/v1/models/{model}/why`; for now or for a
moment in the past, from the same folds over the same events.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from processor.rules.slots import slot_of
from processor.values.evaluation import Comparison, MetricRow, Training
from processor.values.promotion import Promotion
from processor.values.record import Judgement, VersionRecord
from processor.values.serving import Serving
from processor.views.as_of import as_of
from processor.views.knowledge import Knowledge
from processor.views.standing import ordered
from processor.views.subject import Subject, subject_of

_NOTHING = "nothing serves"
_UNJUDGED = "not known: Sluice never judged this version"


@dataclass(frozen=True)
class Answers:
    """One sentence per question."""

    serves: str
    accuracy: str
    trained: str
    data: str
    approved: str
    compared: str


@dataclass(frozen=True)
class Approver:
    """Somebody whose yes stood when the promotion was merged."""

    by: str
    at: datetime
    head_sha: str


@dataclass(frozen=True)
class Why:
    """The answers as sentences, then the facts they are made of.

    `at` None means now; `version` None means that nothing of ours serves. `approved` is whether
    what serves follows from a promotion that was approved and merged.
    """

    model: str
    workspace: str
    target: str
    at: datetime | None
    answers: Answers
    version: str | None
    uri: str | None
    since: datetime | None
    run_id: str | None
    approved: bool
    training: Training | None
    comparison: Comparison | None
    promotion: str | None
    approvals: tuple[Approver, ...]
    merge_sha: str | None
    merged_by: str | None


@dataclass(frozen=True)
class _Facts:
    """What is known of the version that serves."""

    serving: Serving | None
    record: VersionRecord | None
    promotion: Promotion | None
    judgement: Judgement | None


async def why(
    known: Knowledge,
    model: str,
    *,
    target: str | None = None,
    workspace: str | None = None,
    at: datetime | None = None,
) -> Why:
    """Answer for a model at a target (none named: the default one).

    Raises Refused 404, 409; a date before the model was known answers "nothing serves".
    """
    subject = await subject_of(known, model, workspace)
    where = subject.target(target)
    then = await as_of(known, subject.key, at) if at else known
    facts = await _facts(then, await then.views.get(Serving, slot_of(where, model).key))
    serving, promotion, judgement = facts.serving, facts.promotion, facts.judgement
    return Why(
        model=model,
        workspace=subject.workspace,
        target=where.name,
        at=at,
        answers=_answers(subject, facts),
        version=serving.version.number if serving and serving.version else None,
        uri=serving.uri if serving else None,
        since=serving.since if serving else None,
        run_id=facts.record.run_id if facts.record else None,
        approved=serving.approved if serving else False,
        training=judgement.training if judgement else None,
        comparison=judgement.comparison if judgement else None,
        promotion=promotion.id if promotion else None,
        approvals=_approvals(facts),
        merge_sha=promotion.merge_sha if promotion else None,
        merged_by=str(promotion.merged_by) if promotion and promotion.merged_by else None,
    )


async def _facts(then: Knowledge, serving: Serving | None) -> _Facts:
    """Return the version that serves, and the promotion and the verdict it serves by."""
    if serving is None or serving.version is None:
        return _Facts(serving, None, None, None)
    record = await then.views.get(VersionRecord, serving.version.path)
    promotion = (
        await then.views.get(Promotion, serving.promotion_id) if serving.promotion_id else None
    )
    judgement = record.judgement if record else None
    return _Facts(serving, record, promotion, judgement)


def _approvals(facts: _Facts) -> tuple[Approver, ...]:
    promotion = facts.promotion
    return tuple(
        Approver(str(given.by), given.at, given.head_sha)
        for given in (promotion.approvals if promotion else ())
        if promotion and given.by in promotion.counted
    )


def _answers(subject: Subject, facts: _Facts) -> Answers:
    """Return the six sentences."""
    serving = facts.serving
    if serving is None or serving.uri is None:
        return Answers(*[_NOTHING] * 6)
    training = facts.judgement.training if facts.judgement else None
    gates = [gate.metric for gate in subject.policy.metrics] if subject.policy else []
    return Answers(
        serves=_serves(serving),
        accuracy=_accuracy(training, gates),
        trained=_trained(training),
        data=_data(training),
        approved=_approved(facts),
        compared=_compared(facts.judgement),
    )


def _serves(serving: Serving) -> str:
    since = f"since {said(serving.since)}"
    if serving.version is None:
        return f"{serving.uri} serves {since}; it is not a version Sluice knows"
    return f"{serving.version} serves at {serving.target} {since}, from {serving.uri}"


def _accuracy(training: Training | None, gates: Sequence[str]) -> str:
    if training is None:
        return _UNJUDGED
    metrics = ordered(training.metrics, gates)
    return ", ".join(f"{name} {value}" for name, value in metrics) or "its run logged no metric"


def _trained(training: Training | None) -> str:
    if training is None:
        return _UNJUDGED
    when = said(training.trained_at) if training.trained_at else "at a time nobody recorded"
    return f"{when}, in run {training.run_id or 'nobody recorded'}, by {training.trainer}"


def _data(training: Training | None) -> str:
    if training is None:
        return _UNJUDGED
    return (
        "; ".join(
            f"{data.name} (digest {data.digest}{f', {data.context}' if data.context else ''})"
            for data in training.datasets
        )
        or "its run logged no data set"
    )


def _approved(facts: _Facts) -> str:
    promotion, serving = facts.promotion, facts.serving
    if promotion is None or serving is None or not serving.approved:
        how = f": {promotion.reason}" if promotion and promotion.reason else ""
        return f"nobody: it serves without an approved promotion{how}"
    by = [f"{yes.by} at {said(yes.at)}" for yes in _approvals(facts)]
    who = " and ".join(by) or "automatically, by the policy of the target"
    proposal = f" (proposal {promotion.proposal.number})" if promotion.proposal else ""
    merged = f"; merged by {promotion.merged_by} as {promotion.merge_sha}"
    return f"{who}{proposal}{merged if promotion.merge_sha else ''}"


def _compared(judgement: Judgement | None) -> str:
    if judgement is None or judgement.comparison is None:
        return _UNJUDGED
    champion = judgement.comparison.champion
    if champion is None:
        return "nothing served when it was judged, so there was nothing to compare with"
    rows = "; ".join(_row(row) for row in judgement.comparison.rows)
    return f"beside {champion}: {rows or 'no metric is compared'}"


def _row(row: MetricRow) -> str:
    delta = f" ({row.delta})" if row.delta else ""
    return f"{row.metric} {row.champion or 'none'} -> {row.candidate or 'none'}{delta}"


def said(at: datetime) -> str:
    """Return a moment to the second, in UTC."""
    return at.strftime("%Y-%m-%d %H:%M:%S UTC")
