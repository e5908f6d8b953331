"""Close what no longer holds, or have it judged again.

Place in the flow: model_version.deleted (or .observed under another name), evaluation.failed,
deadline.passed (expiry) and mode.changed -> the pull request is closed with its reason;
serving.changed under an open one, and promotion.proposed after what serves had changed (it waited,
or soaked elsewhere) -> evaluation.requested, so that it is compared with what serves now.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from processor.events import (
    DeadlinePassed,
    EvaluationFailed,
    EvaluationRequested,
    Event,
    ModeChanged,
    PromotionProposed,
    ServingChanged,
    VersionDeleted,
    VersionObserved,
)
from processor.policy.policy import Policies
from processor.ports.effects import ProposalEffects
from processor.ports.views import Views
from processor.queries.standing import Standing, standing
from processor.rules.conditions import gates_missing, verdict_missing
from processor.rules.proposal_end import no_longer
from processor.rules.slots import slot_of
from processor.values.about import About
from processor.values.deadline import Deadline, proposal_key
from processor.values.principal import SLUICE
from processor.values.serving import Serving

Compared = ServingChanged | PromotionProposed
Woken = (
    VersionDeleted | VersionObserved | EvaluationFailed | DeadlinePassed | ModeChanged | Compared
)


@dataclass(frozen=True, kw_only=True)
class Withdraw:
    """Converges: whichever event woke it, it closes what does not hold at this moment."""

    views: Views
    policies: Policies
    effects: ProposalEffects

    async def __call__(self, event: Woken) -> Sequence[Event]:
        """Return the evaluations asked for; closings are said by `sources/proposals`."""
        said: list[Event] = []
        for one in await standing(self.views, self.policies, event):
            expiry = await self.views.get(Deadline, proposal_key(one.promotion.id))
            reason = no_longer(one.promotion, one.record, expiry)
            if reason is not None:
                await self._close(one, reason, event.head.id)
            elif isinstance(event, Compared):
                said += await self._judge_again(one, event)
        return said

    async def _judge_again(self, one: Standing, event: Compared) -> Sequence[Event]:
        """Return the wish for a new evaluation when the old compared with something else."""
        version = one.promotion.version
        judged_at = slot_of(one.policy.default_target, version.model)
        serving = await self.views.get(Serving, judged_at.key)
        if not gates_missing(one.promotion, one.record, serving):
            return []
        if isinstance(event, PromotionProposed) and verdict_missing(one.promotion, one.record):
            return []  # it lacks more than a comparison: it is being judged, or for a person
        about = About.of(version)
        return [
            EvaluationRequested(
                head=event.leads_to(EvaluationRequested, about, one.promotion.id),
                version=version,
                reason="what serves changed since it was compared",
            )
        ]

    async def _close(self, one: Standing, reason: str, cause: str) -> None:
        """Close one pull request."""
        if one.promotion.proposal is not None:
            number = one.promotion.proposal.number
            await self.effects.close(one.where, number, reason, SLUICE, cause)
