"""Questions several handlers put to the views.

Place in the flow: vouch, merge and withdraw start from these; nothing is decided here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from processor.events import (
    ApprovalGiven,
    ApprovalVoided,
    EvaluationFailed,
    EvaluationInconclusive,
    EvaluationPassed,
    PromotionProposed,
    ServingChanged,
    VersionDeleted,
)
from processor.ports.views import Views
from processor.values.promotion import Promotion
from processor.values.record import VersionRecord
from processor.values.serving import Serving

AboutProposals = (
    PromotionProposed
    | ApprovalGiven
    | ApprovalVoided
    | EvaluationPassed
    | EvaluationFailed
    | EvaluationInconclusive
    | VersionDeleted
    | ServingChanged
)


@dataclass(frozen=True)
class Standing:
    """A proposed promotion with what the ledger knows around it."""

    promotion: Promotion
    record: VersionRecord | None
    serving: Serving | None


async def standing(views: Views, event: AboutProposals) -> Sequence[Standing]:
    """Return the proposed promotions an event concerns: its own, its version's, or its slot's."""
    if isinstance(event, PromotionProposed | ApprovalGiven | ApprovalVoided):
        own = await views.get(Promotion, event.promotion_id)
        found = [own] if own is not None and own.state == "proposed" else []
    elif isinstance(event, ServingChanged):
        found = list(await views.find(Promotion, slot=event.slot.key, state="proposed"))
    else:
        of_model = await views.find(Promotion, model=event.version.key, state="proposed")
        found = [one for one in of_model if one.version == event.version]
    return [
        Standing(
            promotion=one,
            record=await views.get(VersionRecord, one.version.path),
            serving=await views.get(Serving, one.slot.key),
        )
        for one in found
    ]
