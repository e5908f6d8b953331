"""Merge what may be merged, where the policy leaves the button to us.

Place in the flow: promotion.proposed, approval.given, evaluation.passed, serving.changed -> a
merge at exactly the head the conditions held for. That it is merged is said by
`sources/proposals`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from processor.events import Event
from processor.policy.policy import Policies
from processor.ports.effects import ProposalEffects
from processor.ports.queries import AboutProposals, Standing, standing
from processor.ports.reading.forge import ForgeReader
from processor.ports.views import Views
from processor.rules.approval import parties_of
from processor.rules.conditions import missing
from processor.rules.slots import repository_of
from processor.values.people import People


@dataclass(frozen=True, kw_only=True)
class Merge:
    """Acts only with `approval: automatic` or `merge: sluice`, and only when nothing is missing."""

    forges: Mapping[str, ForgeReader]
    views: Views
    policies: Policies
    people: People
    effects: ProposalEffects

    async def __call__(self, event: AboutProposals) -> Sequence[Event]:
        """Say nothing; the forge's final state speaks."""
        for one in await standing(self.views, event):
            await self._merge(one, event.head.id)
        return []

    async def _merge(self, one: Standing, cause: str) -> None:
        """Merge one proposal if every condition holds for its present head."""
        promotion = one.promotion
        policy = self.policies.ruling(promotion.version.workspace, promotion.version.model)
        target = policy.target(promotion.target) if policy else None
        if promotion.proposal is None or target is None:
            return
        if target.approval != "automatic" and target.approval.merge != "sluice":
            return
        where = repository_of(target)
        proposal = await self.forges[where.forge].get(where, promotion.proposal.number)
        if proposal.state != "open":
            return
        parties = parties_of(promotion, one.record, proposal, self.people)
        left = missing(
            target.approval, promotion, parties, proposal.head_sha, one.record, one.serving
        )
        if not left:
            await self.effects.merge(where, proposal.number, proposal.head_sha, cause)
