"""Say on the commit what is still missing before a merge.

Place in the flow: promotion.proposed, approval.given and .voided, evaluation.*, serving.changed
-> our commit status. A required status check makes the forge hold to it.
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
from processor.rules.pull_request import status_description
from processor.rules.slots import repository_of
from processor.values.people import People
from processor.values.proposal import CommitStatus

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
        for one in await standing(self.views, event):
            await self._say(one, event.head.id)
        return []

    async def _say(self, one: Standing, cause: str) -> None:
        """Set the status of one proposal's head."""
        promotion = one.promotion
        policy = self.policies.ruling(promotion.version.workspace, promotion.version.model)
        target = policy.target(promotion.target) if policy else None
        if promotion.proposal is None or target is None:
            return
        where = repository_of(target)
        proposal = await self.forges[where.forge].get(where, promotion.proposal.number)
        if proposal.state != "open":
            return
        parties = parties_of(promotion, one.record, proposal, self.people)
        left = missing(
            target.approval, promotion, parties, proposal.head_sha, one.record, one.serving
        )
        status = CommitStatus(
            context=CONTEXT,
            state="pending" if left else "success",
            description=status_description(left),
        )
        await self.effects.set_status(where, proposal.head_sha, status, cause)
