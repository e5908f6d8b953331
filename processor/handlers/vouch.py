"""Say on the commit what is still missing before a merge.

Place in the flow: promotion.proposed and .updated, approval.given and .voided, evaluation.*,
serving.changed, target.held and .released, the end of a hold, mode.changed -> our commit status.
A required status check makes the forge hold to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from processor.events import Event
from processor.policy.policy import Policies
from processor.ports.effects import ProposalEffects
from processor.ports.views import Views
from processor.queries.owed import Proposals
from processor.queries.standing import AboutProposals, Standing, standing
from processor.rules.pull_request import status_description
from processor.values.proposal import CommitStatus

CONTEXT = "sluice/promotion"


@dataclass(frozen=True, kw_only=True)
class Vouch:
    """Converges: the status always says what holds now."""

    views: Views
    policies: Policies
    proposals: Proposals
    effects: ProposalEffects

    async def __call__(self, event: AboutProposals) -> Sequence[Event]:
        """Say nothing; the status is the deed."""
        for one in await standing(self.views, self.policies, event):
            await self._say(one, event.head.id)
        return []

    async def _say(self, one: Standing, cause: str) -> None:
        """Set the status of one proposal's head."""
        found = await self.proposals.owed(one)
        if found is None:
            return
        proposal, left = found
        status = CommitStatus(
            context=CONTEXT,
            state="pending" if left else "success",
            description=status_description(left),
        )
        await self.effects.set_status(one.where, proposal.head_sha, status, cause)
