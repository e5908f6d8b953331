"""Which open proposals does an event concern, and what rules them now?

Place in the flow: vouch, merge and withdraw start from these; nothing is decided here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from processor.events import (
    ApprovalGiven,
    ApprovalVoided,
    DeadlinePassed,
    EvaluationFailed,
    EvaluationInconclusive,
    EvaluationPassed,
    EvaluationStarted,
    ModeChanged,
    PromotionProposed,
    PromotionUpdated,
    ServingChanged,
    TargetHeld,
    TargetReleased,
    VersionDeleted,
    VersionObserved,
)
from processor.policy.policy import Policies, Policy
from processor.policy.targets import Target
from processor.ports.views import Views
from processor.values.promotion import Promotion
from processor.values.record import VersionRecord
from processor.values.slot import Repository

AboutProposals = (
    PromotionProposed
    | PromotionUpdated
    | ApprovalGiven
    | ApprovalVoided
    | EvaluationStarted
    | EvaluationPassed
    | EvaluationFailed
    | EvaluationInconclusive
    | VersionDeleted
    | VersionObserved
    | ServingChanged
    | TargetHeld
    | TargetReleased
    | ModeChanged
    | DeadlinePassed
)


@dataclass(frozen=True)
class Standing:
    """A proposed promotion, the policy and target that rule it now, and its version's record."""

    promotion: Promotion
    policy: Policy
    target: Target
    record: VersionRecord | None

    @property
    def where(self) -> Repository:
        """Return where its pull request was opened, whatever the policy says since."""
        return self.promotion.slot.where


async def standing(views: Views, policies: Policies, event: AboutProposals) -> Sequence[Standing]:
    """Return the ruled ones of the proposed promotions an event concerns."""
    found = []
    for one in await _concerned(views, event):
        policy = policies.ruling(one.version.workspace, one.version.model)
        target = policy.target(one.target) if policy else None
        if policy is not None and target is not None:
            record = await views.get(VersionRecord, one.version.path)
            found.append(Standing(one, policy, target, record))
    return found


async def _concerned(views: Views, event: AboutProposals) -> Sequence[Promotion]:
    """Return the proposed promotions of an event: its own, its version's, target's or model's."""
    match event:
        case PromotionProposed() | PromotionUpdated() | ApprovalGiven() | ApprovalVoided():
            return await _own(views, event.promotion_id)
        case DeadlinePassed() if event.promotion_id is not None:
            return await _own(views, event.promotion_id)
        case ServingChanged():
            # all of the model's: gates compare with what serves at the default target
            return await _of_model(views, event.head.key.rsplit("/", 1)[0])
        case ModeChanged():
            return await _of_model(views, event.head.key)
        case TargetHeld() | TargetReleased() | DeadlinePassed():
            of_model = await _of_model(views, event.head.key)
            return [one for one in of_model if one.target == event.target]
        case VersionObserved():
            if event.was is None:
                return []
            of_model = await _of_model(views, event.was.key)
            return [one for one in of_model if one.version == event.was]
        case _:
            of_model = await _of_model(views, event.version.key)
            return [one for one in of_model if one.version == event.version]


async def _own(views: Views, promotion_id: str) -> Sequence[Promotion]:
    """Return one promotion while it is proposed."""
    own = await views.get(Promotion, promotion_id)
    return [own] if own is not None and own.state == "proposed" else []


async def _of_model(views: Views, model_key: str) -> Sequence[Promotion]:
    """Return a model's proposed promotions."""
    return await views.find(Promotion, model=model_key, state="proposed")
