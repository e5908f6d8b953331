"""Say yes to one head of one promotion.

Place in the flow: CLI, API and page call it; `approval.given` wakes vouch and merge.
`promotion.approved` is never said here: that is what `sources/proposals` finds once it is merged.
"""

from dataclasses import dataclass

from processor.commands.granted import Granted, already, check_key, check_signed_in, say_once
from processor.commands.ruled import target_of
from processor.errors import Refused
from processor.events import ApprovalGiven
from processor.policy.policy import Policies
from processor.ports.log import EventLog
from processor.ports.views import Views
from processor.rules.approval import objection, parties_of
from processor.values.about import About
from processor.values.people import People
from processor.values.principal import Principal
from processor.values.promotion import Promotion
from processor.values.record import VersionRecord


@dataclass(frozen=True, kw_only=True)
class Approve:
    """One person's yes."""

    views: Views
    log: EventLog
    policies: Policies
    people: People

    async def __call__(
        self, who: Principal, promotion_id: str, head_sha: str, idempotency_key: str
    ) -> Granted:
        """Record the yes of `who` to `head_sha`, the full sha they looked at.

        Raises Refused: 401 not signed in, 403 not theirs to give, 404 unknown, 409 not open, the
        head moved or no policy rules it, 422 the key was used for something else.
        """
        check_signed_in(who)
        check_key(idempotency_key)
        promotion = await self.views.get(Promotion, promotion_id)
        if promotion is None:
            raise Refused("No such promotion", f"there is no promotion {promotion_id}", status=404)
        event = ApprovalGiven(
            head=ApprovalGiven.heading(
                About.of(promotion.version, promotion.target),
                idempotency_key,
                actor=who,
                cause=promotion.request_id,
            ),
            promotion_id=promotion.id,
            version=promotion.version,
            target=promotion.target,
            slot=promotion.slot,
            head_sha=head_sha,
        )
        granted = Granted("approved", event.head.id, promotion.id)
        if await already(self.log, event):
            return granted
        self._open_at(promotion, head_sha)
        await self._may(who, promotion)
        await say_once(self.log, event)
        return granted

    def _open_at(self, promotion: Promotion, head_sha: str) -> None:
        """Refuse what is not a proposal, or not the one they looked at."""
        if promotion.state != "proposed" or promotion.proposal is None:
            raise Refused(
                "Not open",
                f"the promotion of {promotion.version} to {promotion.target} is "
                f"{promotion.state}{f' ({promotion.reason})' if promotion.reason else ''}",
            )
        if head_sha != promotion.proposal.head_sha:
            raise Refused(
                "The head moved",
                f"you looked at {head_sha[:12]}, the proposal is at "
                f"{promotion.proposal.head_sha[:12]} now; look again",
            )

    async def _may(self, who: Principal, promotion: Promotion) -> None:
        """Refuse whoever may not say yes to this change."""
        target = target_of(self.policies, promotion.version, promotion.target)
        record = await self.views.get(VersionRecord, promotion.version.path)
        parties = parties_of(promotion, record, None, self.people)
        if reason := objection(target.approval, who, parties):
            raise Refused("Not yours to approve", reason, status=403)
