"""Keep the pull request's one comment at the present state of its rollout.

Place in the flow: rollout.* -> the sticky comment, rewritten from the views, so that the newest
state wins whichever event woke it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from processor.events import (
    Event,
    RolloutFailed,
    RolloutProgressed,
    RolloutRegressed,
    RolloutStarted,
    RolloutSucceeded,
    RolloutSuperseded,
)
from processor.ports.effects import ProposalEffects
from processor.ports.views import Views
from processor.rules.pull_request import sticky_comment
from processor.values.promotion import Promotion

Told = (
    RolloutStarted
    | RolloutProgressed
    | RolloutSucceeded
    | RolloutFailed
    | RolloutRegressed
    | RolloutSuperseded
)


@dataclass(frozen=True, kw_only=True)
class Confirm:
    """Converges on one comment."""

    views: Views
    effects: ProposalEffects

    async def __call__(self, event: Told) -> Sequence[Event]:
        """Say nothing; the comment is the deed."""
        promotion = await self.views.get(Promotion, event.promotion_id)
        if promotion is None or promotion.proposal is None:
            return []
        detail = ""
        match event:
            case RolloutProgressed():
                detail = event.detail
            case RolloutFailed() | RolloutRegressed():
                detail = event.reason
            case RolloutSucceeded():
                detail = f"answers at {event.endpoint}"
            case _:
                pass
        number = promotion.proposal.number
        body = sticky_comment(promotion, detail)
        await self.effects.set_comment(promotion.slot.where, number, body, event.head.id)
        return []
