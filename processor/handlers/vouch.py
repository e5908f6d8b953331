"""Say on the commit what is still missing before a merge.

Place in the flow: promotion.proposed and .updated, approval.given and .voided, evaluation.*,
serving.changed -> our commit status. A required status check makes the forge hold to it.
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
from processor.rules.pull_request import status_description
from processor.rules.slots import slot_of
from processor.values.people import People
from processor.values.proposal import CommitStatus
from processor.values.serving import Serving

CONTEXT = "sluice/promotion"


@dataclass(frozen=True, kw_only=True)
class Vouch:
    """Converges: the status always says what holds now."""

    forges: Mapping[str, ForgeReader]
    views: Views
    policies: Policies
    people: People
    effects: ProposalEffects

    async def __call__(self, event: AboutProposals) -> Sequence[Event]:
        """Say nothing; the status is the deed."""
        for one in await standing(self.views, self.policies, event):
            await self._say(one, event.head.id)
        return []

    async def _say(self, one: Standing, cause: str) -> None:
        """Set the status of one proposal's head."""
        proposal = await open_proposal(self.forges, one)
        if proposal is None:
            return
        parties = parties_of(one.promotion, one.record, proposal, self.people)
        judged_at = slot_of(one.policy.default_target, one.promotion.version.model)
        serving = await self.views.get(Serving, judged_at.key)
        rule, head = one.target.approval, proposal.head_sha
        left = missing(rule, one.promotion, parties, head, one.record, serving)
        status = CommitStatus(
            context=CONTEXT,
            state="pending" if left else "success",
            description=status_description(left),
        )
        await self.effects.set_status(one.where, head, status, cause)
