"""Questions several handlers put to the views and to the forge.

Place in the flow: vouch, merge and withdraw start from these; nothing is decided here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from processor.errors import Terminal
from processor.events import (
    ApprovalGiven,
    ApprovalVoided,
    EvaluationFailed,
    EvaluationInconclusive,
    EvaluationPassed,
    EvaluationStarted,
    PromotionProposed,
    PromotionUpdated,
    ServingChanged,
    VersionDeleted,
)
from processor.policy.policy import Policies, Policy
from processor.policy.targets import Target
from processor.ports.reading.forge import ForgeReader
from processor.ports.views import Views
from processor.values.promotion import Promotion
from processor.values.proposal import Proposal
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
    | ServingChanged
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


async def open_proposal(forges: Mapping[str, ForgeReader], one: Standing) -> Proposal | None:
    """Return its pull request as the forge has it now, None when that is no longer open.

    Raises Terminal when nobody configures its forge any more.
    """
    forge = forges.get(one.where.forge)
    if forge is None:
        raise Terminal(f"no forge {one.where.forge!r} under `forges:`; {one.promotion.id} is on it")
    if one.promotion.proposal is None:
        return None
    proposal = await forge.get(one.where, one.promotion.proposal.number)
    return proposal if proposal.state == "open" else None


async def _concerned(views: Views, event: AboutProposals) -> Sequence[Promotion]:
    """Return the proposed promotions an event concerns: its own, its version's, or its model's."""
    if isinstance(event, PromotionProposed | PromotionUpdated | ApprovalGiven | ApprovalVoided):
        own = await views.get(Promotion, event.promotion_id)
        return [own] if own is not None and own.state == "proposed" else []
    if isinstance(event, ServingChanged):
        # all of the model's: gates compare with what serves at the default target
        key = event.head.key.rsplit("/", 1)[0]
        return await views.find(Promotion, model=key, state="proposed")
    of_model = await views.find(Promotion, model=event.version.key, state="proposed")
    return [one for one in of_model if one.version == event.version]
