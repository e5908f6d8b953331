"""Fold deadlines, by the key of what waits.

Place in the flow: the view `deadline`; due times are in the events that set them, and
`sources/deadlines` tells each one that passes. One event may set some and lift others.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from processor.events import (
    DeadlinePassed,
    EvaluationFailed,
    EvaluationInconclusive,
    EvaluationPassed,
    EvaluationStarted,
    Event,
    PromotionApproved,
    PromotionBypassed,
    PromotionExpired,
    PromotionProposed,
    PromotionRejected,
    PromotionSuperseded,
    PromotionWithdrawn,
    RolloutFailed,
    RolloutSucceeded,
    RolloutSuperseded,
    ServingChanged,
    TargetHeld,
    TargetReleased,
    WaiverGiven,
)
from processor.values.deadline import Deadline
from processor.values.hold import hold_key
from processor.values.serving import Soak

ROW = Deadline

_VERDICT = (EvaluationPassed, EvaluationFailed, EvaluationInconclusive)
_MERGED = (PromotionApproved, PromotionBypassed)
_CLOSED = (PromotionRejected, PromotionWithdrawn, PromotionSuperseded, PromotionExpired)
_ROLLED = (RolloutSucceeded, RolloutFailed, RolloutSuperseded)


@dataclass(frozen=True)
class _Set:
    """What an event does to one key: a deadline it sets, None when it lifts what stands there."""

    key: str
    deadline: Deadline | None


def keys_of(event: Event) -> tuple[str, ...]:
    """Return every deadline an event sets, lifts or tells."""
    if isinstance(event, DeadlinePassed):
        return (event.deadline,)
    return tuple(one.key for one in _sets(event))


def columns(row: Deadline) -> tuple[str, str, str]:
    """Return model key, no slot, and `open` or `passed`."""
    return row.model_key, "", "passed" if row.passed else "open"


def fold(row: Deadline | None, event: Event, at: datetime, key: str) -> Deadline | None:  # noqa: ARG001
    """Return the deadline after the event; what an older event set does not lift a newer one."""
    if isinstance(event, DeadlinePassed):
        if row is None or event.event_id != row.event_id:
            return row
        return replace(row, passed=True)
    found = next((one.deadline for one in _sets(event) if one.key == key), None)
    if found is not None:
        return found
    return None if row is None else replace(row, passed=True)


def _sets(event: Event) -> tuple[_Set, ...]:
    """Return what an event sets and lifts."""
    for kinds, sets in _TABLE:
        if isinstance(event, kinds):
            return sets(event)
    return ()


def _gates(event: EvaluationStarted) -> tuple[_Set, ...]:
    key = f"gates:{event.version.path}"
    window = Deadline(
        key=key,
        kind="gate window",
        due=event.due,
        model_key=event.head.key,
        version=event.version,
        event_id=event.head.id,
    )
    return (_Set(key, window),)


def _judged(
    event: EvaluationPassed | EvaluationFailed | EvaluationInconclusive,
) -> tuple[_Set, ...]:
    return (_Set(f"gates:{event.version.path}", None),)


def _waived(event: WaiverGiven) -> tuple[_Set, ...]:
    key = f"waiver:{event.version.path}:{event.gate}"
    ends = Deadline(
        key=key,
        kind="waiver",
        due=event.until,
        model_key=event.head.key,
        version=event.version,
        event_id=event.head.id,
        gate=event.gate,
    )
    return (_Set(key, ends),)


def _proposed(event: PromotionProposed) -> tuple[_Set, ...]:
    if event.expires is None:
        return ()
    key = f"proposal:{event.promotion_id}"
    expiry = Deadline(
        key=key,
        kind="proposal",
        due=event.expires,
        model_key=event.head.key,
        version=event.version,
        event_id=event.head.id,
        target=event.target,
        promotion_id=event.promotion_id,
    )
    return (_Set(key, expiry),)


def _merged(event: PromotionApproved | PromotionBypassed) -> tuple[_Set, ...]:
    lifted = _Set(f"proposal:{event.promotion_id}", None)
    if event.rollout_due is None:
        return (lifted,)
    key = f"rollout:{event.promotion_id}"
    late = Deadline(
        key=key,
        kind="rollout",
        due=event.rollout_due,
        model_key=event.head.key,
        version=event.version,
        event_id=event.head.id,
        target=event.target,
        promotion_id=event.promotion_id,
    )
    return (lifted, _Set(key, late))


def _closed(
    event: PromotionRejected | PromotionWithdrawn | PromotionSuperseded | PromotionExpired,
) -> tuple[_Set, ...]:
    return (_Set(f"proposal:{event.promotion_id}", None),)


def _rolled(event: RolloutSucceeded | RolloutFailed | RolloutSuperseded) -> tuple[_Set, ...]:
    return (_Set(f"rollout:{event.promotion_id}", None),)


def _served(event: ServingChanged) -> tuple[_Set, ...]:
    """Whatever serves at a slot from now on begins its own soak, towards each following target."""
    return tuple(_soak(event, one) for one in event.soaks)


def _soak(event: ServingChanged, soak: Soak) -> _Set:
    model_key = event.head.key.rsplit("/", 1)[0]
    key = f"soak:{hold_key(model_key, event.target)}:{soak.target}"
    if soak.due is None:
        return _Set(key, None)
    ends = Deadline(
        key=key,
        kind="soak",
        due=soak.due,
        model_key=model_key,
        version=event.version,
        event_id=event.head.id,
        target=soak.target,
        promotion_id=event.promotion_id,
    )
    return _Set(key, ends)


def _held(event: TargetHeld | TargetReleased) -> tuple[_Set, ...]:
    key = f"hold:{hold_key(event.head.key, event.target)}"
    if isinstance(event, TargetReleased) or event.until is None:
        return (_Set(key, None),)
    ends = Deadline(
        key=key,
        kind="hold",
        due=event.until,
        model_key=event.head.key,
        version=None,
        event_id=event.head.id,
        target=event.target,
    )
    return (_Set(key, ends),)


_TABLE: tuple[tuple[tuple[type[Event], ...], Callable[..., tuple[_Set, ...]]], ...] = (
    ((EvaluationStarted,), _gates),
    (_VERDICT, _judged),
    ((WaiverGiven,), _waived),
    ((PromotionProposed,), _proposed),
    (_MERGED, _merged),
    (_CLOSED, _closed),
    (_ROLLED, _rolled),
    ((ServingChanged,), _served),
    ((TargetHeld, TargetReleased), _held),
)
