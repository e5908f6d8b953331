"""Merge what may be merged, where the policy leaves the button to us.

Place in the flow: promotion.proposed and .updated, approval.given, evaluation.passed,
serving.changed -> a merge at exactly the head the conditions held for. That it is merged is said
by `sources/proposals`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from processor.events import Event
from processor.policy.policy import Policies
from processor.ports.effects import ProposalEffects
from processor.ports.queries import AboutProposals, Standing, open_proposal, standing
from processor.ports.reading.forge import ForgeReader
from processor.ports.views import Views
from processor.rules.approval import parties_of
from processor.rules.conditions import missing
from processor.rules.slots import slot_of
from processor.values.people import People
from processor.values.serving import Serving


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
        for one in await standing(self.views, self.policies, event):
            rule = one.target.approval
            if rule == "automatic" or rule.merge == "sluice":
                await self._merge(one, event.head.id)
        return []

    async def _merge(self, one: Standing, cause: str) -> None:
        """Merge one proposal if every condition holds for its present head."""
        proposal = await open_proposal(self.forges, one)
        if proposal is None:
            return
        parties = parties_of(one.promotion, one.record, proposal, self.people)
        judged_at = slot_of(one.policy.default_target, one.promotion.version.model)
        serving = await self.views.get(Serving, judged_at.key)
        rule, head = one.target.approval, proposal.head_sha
        if not missing(rule, one.promotion, parties, head, one.record, serving):
            await self.effects.merge(one.where, proposal.number, head, cause)
