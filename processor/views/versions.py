"""Which versions does a model have, and how did each fare?

Place in the flow: `/v1/models/{model}/versions` and the model's page.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from processor.values.record import ModelRecord
from processor.views.knowledge import Knowledge
from processor.views.standing import ordered, shortfalls, verdict_of
from processor.views.subject import subject_of


@dataclass(frozen=True)
class VersionRow:
    """One version; `shortfalls` says gate by gate why it did not pass."""

    number: str
    stage: str
    aliases: tuple[str, ...]
    verdict: str
    shortfalls: tuple[str, ...]
    run_id: str
    trained_at: datetime | None
    metrics: tuple[tuple[str, str], ...]
    seen_at: datetime


async def versions(
    known: Knowledge, model: str, workspace: str | None = None
) -> Sequence[VersionRow]:
    """Return the live versions, the newest first. Raises Refused 404, 409."""
    subject = await subject_of(known, model, workspace)
    names = await known.views.get(ModelRecord, subject.key)
    aliases = names.aliases if names else {}
    gates = [gate.metric for gate in subject.policy.metrics] if subject.policy else []
    return [
        VersionRow(
            number=one.version.number,
            stage=one.stage,
            aliases=tuple(
                sorted(a for a, number in aliases.items() if number == one.version.number)
            ),
            verdict=verdict_of(one),
            shortfalls=shortfalls(one.judgement),
            run_id=one.run_id,
            trained_at=training.trained_at if training else None,
            metrics=ordered(training.metrics, gates) if training else (),
            seen_at=one.seen_at,
        )
        for one in reversed(subject.versions)
        for training in (one.judgement.training if one.judgement else None,)
    ]
