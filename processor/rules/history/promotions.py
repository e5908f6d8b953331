"""Fold promotions, by promotion id.

Place in the flow: the view `promotion`; the states and their order are `rules/promotion`'s.
"""

from dataclasses import replace
from datetime import datetime

from processor.events import (
    ApprovalGiven,
    ApprovalVoided,
    Event,
    PromotionApproved,
    PromotionBypassed,
    PromotionExpired,
    PromotionProposed,
    PromotionRejected,
    PromotionRequested,
    PromotionSuperseded,
    PromotionUpdated,
    PromotionWithdrawn,
    RolloutFailed,
    RolloutRegressed,
    RolloutStarted,
    RolloutSucceeded,
    RolloutSuperseded,
)
from processor.rules.promotion import OPEN, after
from processor.values.promotion import Approval, Promotion, promotion_id_of

ROW = Promotion

_LATER = (
    PromotionProposed,
    PromotionUpdated,
    PromotionSuperseded,
    PromotionWithdrawn,
    PromotionExpired,
    PromotionRejected,
    PromotionApproved,
    PromotionBypassed,
    ApprovalGiven,
    ApprovalVoided,
    RolloutStarted,
    RolloutSucceeded,
    RolloutFailed,
    RolloutRegressed,
    RolloutSuperseded,
)


def keys_of(event: Event) -> tuple[str, ...]:
    """Return the promotion an event concerns."""
    if isinstance(event, PromotionRequested):
        return (promotion_id_of(event.head.id),)
    return (event.promotion_id,) if isinstance(event, _LATER) else ()


def columns(row: Promotion) -> tuple[str, str, str]:
    """Return model key, slot key and state."""
    return row.version.key, row.slot.key, row.state


def fold(row: Promotion | None, event: Event, at: datetime, key: str) -> Promotion | None:  # noqa: ARG001
    """Return the promotion after the event."""
    if row is None:
        return _opened(event, at) if isinstance(event, PromotionRequested) else None
    if isinstance(event, ApprovalGiven | ApprovalVoided):
        return _approvals(row, event, at)
    state = after(row.state, event.kind)
    if state is None:
        return row
    if isinstance(event, PromotionUpdated):
        return _updated(row, event)
    row = replace(row, state=state, changed_at=at, reason="")
    match event:
        case PromotionProposed():
            return replace(
                row,
                proposal=event.proposal,
                opened_head=event.proposal.head_sha,
                edits=event.edits,
                uri=event.uri,
            )
        case PromotionApproved() | PromotionBypassed():
            return _merged(row, event)
        case (
            PromotionSuperseded()
            | PromotionWithdrawn()
            | PromotionExpired()
            | PromotionRejected()
            | RolloutFailed()
            | RolloutRegressed()
        ):
            return replace(row, reason=event.reason)
        case _:
            return row


def _merged(row: Promotion, event: PromotionApproved | PromotionBypassed) -> Promotion:
    """Return the promotion once Git names its version."""
    if isinstance(event, PromotionApproved):
        row = replace(row, counted=event.approvals)
    else:
        row = replace(row, reason="; ".join(event.unmet))
    return replace(
        row,
        merge_sha=event.merge_sha,
        merged_by=event.merged_by,
        merged_at=row.changed_at,
        uri=event.uri,
    )


def _opened(event: PromotionRequested, at: datetime) -> Promotion:
    """Return the promotion a request opens."""
    return Promotion(
        id=promotion_id_of(event.head.id),
        version=event.version,
        target=event.target,
        slot=event.slot,
        uri="",
        state="requested",
        requested_by=event.head.actor,
        requested_at=at,
        changed_at=at,
        request_id=event.head.id,
        evaluation_id=event.evaluation_id,
        restores=event.restores,
        reason=event.reason,
    )


def _updated(row: Promotion, event: PromotionUpdated) -> Promotion:
    """Return the promotion with what is on its branch now; its state is the one it was in."""
    if (event.proposal, event.committers) == (row.proposal, row.committers):
        return row
    return replace(
        row, proposal=event.proposal, committers=event.committers, updates=row.updates + 1
    )


def _approvals(row: Promotion, event: ApprovalGiven | ApprovalVoided, at: datetime) -> Promotion:
    """Return the promotion with one approval more or fewer; only an open one has a say."""
    if row.state not in OPEN:
        return row
    if isinstance(event, ApprovalVoided):
        kept = tuple(
            given
            for given in row.approvals
            if (given.by, given.head_sha) != (event.by, event.head_sha)
        )
        return replace(row, approvals=kept)
    given = Approval(event.head.actor, event.head_sha, at)
    others = tuple(
        old for old in row.approvals if (old.by, old.head_sha) != (given.by, given.head_sha)
    )
    return replace(row, approvals=(*others, given))
