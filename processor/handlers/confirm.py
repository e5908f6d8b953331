"""Keep the pull request's one comment at the present state of its rollout.

Place in the flow: rollout.*, mode.changed -> the sticky comment, rewritten from the views, so
that the newest state wins whichever event woke it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from processor.events import (
    Event,
    ModeChanged,
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
from processor.values.promotion import Promotion, State

_TOLD: frozenset[State] = frozenset({"rolling_out", "serving", "failed"})

Rollout = (
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

    async def __call__(self, event: Rollout | ModeChanged) -> Sequence[Event]:
        """Say nothing; the comment is the deed."""
        if isinstance(event, ModeChanged):
            for promotion in await self.views.find(Promotion, model=event.head.key):
                if promotion.state in _TOLD:
                    await self._comment(promotion, promotion.reason, event.head.id)
            return []
        own = await self.views.get(Promotion, event.promotion_id)
        if own is not None:
            await self._comment(own, _detail(event), event.head.id)
        return []

    async def _comment(self, promotion: Promotion, detail: str, cause: str) -> None:
        """Rewrite the comment of a promotion's pull request."""
        if promotion.proposal is not None:
            number = promotion.proposal.number
            body = sticky_comment(promotion, *([detail] if detail else []))
            await self.effects.set_comment(promotion.slot.where, number, body, cause)


def _detail(event: Rollout) -> str:
    """Return what an event has to add to the state."""
    match event:
        case RolloutProgressed():
            return event.detail
        case RolloutFailed() | RolloutRegressed():
            return event.reason
        case RolloutSucceeded():
            return f"answers at {event.endpoint}"
        case _:
            return ""
