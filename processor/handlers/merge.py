"""Merge what may be merged, where the policy leaves the button to us.

Place in the flow: promotion.proposed and .updated, approval.given, evaluation.passed,
serving.changed, target.released and the end of a hold, mode.changed -> a merge at exactly the
head the conditions held for. That it is merged is said by `sources/proposals`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from processor.events import Event
from processor.policy.policy import Policies
from processor.ports.effects import ProposalEffects
from processor.ports.views import Views
from processor.queries.owed import Proposals
from processor.queries.standing import AboutProposals, Standing, standing


@dataclass(frozen=True, kw_only=True)
class Merge:
    """Acts only with `approval: automatic` or `merge: sluice`, and only when nothing is missing."""

    views: Views
    policies: Policies
    proposals: Proposals
    effects: ProposalEffects

    async def __call__(self, event: AboutProposals) -> Sequence[Event]:
        """Say nothing; the forge's final state speaks."""
        for one in await standing(self.views, self.policies, event):
            rule = one.target.approval
            if rule == "automatic" or rule.merge == "sluice":
                await self._merge(one, event.head.id)
        return []

    async def _merge(self, one: Standing, cause: str) -> None:
        """Merge one proposal if every condition, its target's hold too, holds for its head."""
        found = await self.proposals.owed(one)
        if found is not None and not found[1]:
            proposal = found[0]
            await self.effects.merge(one.where, proposal.number, proposal.head_sha, cause)
