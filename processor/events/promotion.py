"""A version on its way to a target.

Place in the flow: `promotion.requested` opens one; `propose` says `proposed`; how it ended is
said by `sources/proposals` alone, from the forge's final state.
"""

from typing import ClassVar

from processor.events.event import Event, Moment
from processor.values.principal import Principal
from processor.values.proposal import ProposalRef, ScalarEdit
from processor.values.slot import Slot
from processor.values.version import Version


class _OfPromotion(Event):
    topic: ClassVar[str] = "promotion"
    promotion_id: str
    """uuid5 of the `promotion.requested` event's id."""
    version: Version
    """The version."""
    target: str
    """The target's name in the policy."""


class PromotionRequested(Event):
    """One version should serve at one target; the promotion's id follows from this event's."""

    kind: ClassVar[str] = "promotion.requested"
    topic: ClassVar[str] = "promotion"
    version: Version
    """The version."""
    target: str
    """The target's name in the policy."""
    slot: Slot
    """The scalar in Git that would change."""
    evaluation_id: str | None = None
    """The verdict it rests on."""
    restores: bool = False
    """True: a way back to a version that served before."""
    reason: str = ""
    """Why, in the requester's words."""


class PromotionProposed(_OfPromotion):
    """A pull request is open for it."""

    kind: ClassVar[str] = "promotion.proposed"
    slot: Slot
    """The scalar in Git that would change."""
    uri: str
    """The storage URI it would be set to."""
    proposal: ProposalRef
    """The pull request."""
    edits: tuple[ScalarEdit, ...] = ()
    """What it changes, as it was opened."""
    expires: Moment | None = None
    """When it is closed if nobody has decided."""


class PromotionUpdated(_OfPromotion):
    """Somebody pushed to its branch: the pull request has another head, or other committers."""

    kind: ClassVar[str] = "promotion.updated"
    slot: Slot
    """The scalar in Git that would change."""
    proposal: ProposalRef
    """The pull request as it is now."""
    committers: tuple[Principal, ...]
    """Whose commits are on the branch besides Sluice's, as the commits name them."""
    reason: str
    """What is new, in words."""


class PromotionSuperseded(_OfPromotion):
    """A newer promotion of the slot took its place; its pull request is closed."""

    kind: ClassVar[str] = "promotion.superseded"
    reason: str
    """By what."""


class PromotionWithdrawn(_OfPromotion):
    """We closed it because it no longer holds."""

    kind: ClassVar[str] = "promotion.withdrawn"
    reason: str
    """Why."""


class PromotionExpired(_OfPromotion):
    """Nobody decided in time; we closed it."""

    kind: ClassVar[str] = "promotion.expired"
    reason: str
    """How long it was open."""


class PromotionRejected(_OfPromotion):
    """A person able to approve closed it; remembered for this version and target."""

    kind: ClassVar[str] = "promotion.rejected"
    by: Principal
    """Who."""
    reason: str
    """Why, in their words."""


class PromotionApproved(_OfPromotion):
    """Merged, and the rule held."""

    kind: ClassVar[str] = "promotion.approved"
    slot: Slot
    """The scalar in Git that changed."""
    uri: str
    """What it is set to."""
    merge_sha: str
    """The merge commit."""
    merged_by: Principal
    """Who merged."""
    approvals: tuple[Principal, ...]
    """Whose yes counted."""
    rollout_due: Moment | None = None
    """By when it should serve."""


class PromotionBypassed(_OfPromotion):
    """Merged although the rule did not hold."""

    kind: ClassVar[str] = "promotion.bypassed"
    slot: Slot
    """The scalar in Git that changed."""
    uri: str
    """What it is set to."""
    merge_sha: str
    """The merge commit."""
    merged_by: Principal
    """Who merged."""
    unmet: tuple[str, ...]
    """What was missing, in words."""
    rollout_due: Moment | None = None
    """By when it should serve."""


class ApprovalGiven(_OfPromotion):
    """A person said yes to one head of a promotion's pull request."""

    kind: ClassVar[str] = "approval.given"
    slot: Slot
    """The scalar in Git that would change."""
    head_sha: str
    """What they saw."""


class ApprovalVoided(_OfPromotion):
    """An approval no longer counts: the head moved."""

    kind: ClassVar[str] = "approval.voided"
    slot: Slot
    """The scalar in Git that would change."""
    by: Principal
    """Whose."""
    head_sha: str
    """What they had seen."""
    reason: str
    """Why."""
