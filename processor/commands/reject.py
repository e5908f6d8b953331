"""Say no to a promotion: its proposal is closed, and the no is remembered.

Place in the flow: CLI, API and page call it; it only closes. `sources/proposals` finds it closed
by a person able to approve, and says `promotion.rejected`; a merge that was quicker wins.
"""

from dataclasses import dataclass

from processor.commands.granted import Granted, check_key, check_signed_in
from processor.commands.ruled import target_of
from processor.errors import Refused
from processor.policy.policy import Policies
from processor.ports.effects import ProposalEffects
from processor.ports.views import Views
from processor.values.people import People
from processor.values.principal import Principal
from processor.values.promotion import Promotion


@dataclass(frozen=True, kw_only=True)
class Reject:
    """One person's no."""

    views: Views
    proposals: ProposalEffects
    policies: Policies
    people: People

    async def __call__(
        self, who: Principal, promotion_id: str, reason: str, idempotency_key: str
    ) -> Granted:
        """Close the proposal for `reason`, a sentence others will read.

        Raises Refused: 400 no reason, 401 not signed in, 403 not theirs, 404 unknown, 409 not
        open; Suppressed when the mode forbids it; Unavailable when the forge is down.
        """
        check_signed_in(who)
        check_key(idempotency_key)
        promotion = await self.views.get(Promotion, promotion_id)
        if promotion is None:
            raise Refused("No such promotion", f"there is no promotion {promotion_id}", status=404)
        self._may(who, promotion)
        if not reason.strip():
            raise Refused("Reason needed", "say why: the people who asked will read it", status=400)
        granted = Granted("rejected", "", promotion.id)
        if promotion.state == "rejected":
            return granted  # said before: a repetition, or somebody else who was quicker
        if promotion.state != "proposed" or promotion.proposal is None:
            raise Refused(
                "Not open",
                f"the promotion of {promotion.version} to {promotion.target} is {promotion.state}",
            )
        await self.proposals.close(
            promotion.slot.where,
            promotion.proposal.number,
            reason.strip(),
            who,
            promotion.request_id,
        )
        return granted

    def _may(self, who: Principal, promotion: Promotion) -> None:
        """Refuse whoever could not have approved; where nobody is asked, anyone we know may."""
        target = target_of(self.policies, promotion.version, promotion.target)
        able = (
            self.people.names
            if target.approval == "automatic"
            else frozenset(target.approval.people)
        )
        if who.name not in able:
            raise Refused(
                "Not yours to reject",
                f"{who.name} is not among the approvers: {', '.join(sorted(able))}",
                status=403,
            )
