"""Fold deadlines, by the key of what waits.

Place in the flow: the view `deadline`; due times are in the events that set them, and
`sources/deadlines` tells each one that passes. One event may set some and lift others. Every
promotion that waits has one, from its request to its end: none stays open for ever.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

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
    PromotionRequested,
    PromotionSuperseded,
    PromotionWithdrawn,
    RolloutFailed,
    RolloutSucceeded,
    RolloutSuperseded,
    ServingChanged,
    TargetHeld,
    TargetReleased,
    VersionDeleted,
    WaiverGiven,
)
from processor.values.deadline import Deadline, proposal_key, rollout_key, soak_key
from processor.values.hold import hold_key
from processor.values.promotion import promotion_id_of
from processor.values.serving import Soak

ROW = Deadline

_UNPROPOSED = timedelta(days=14)  # what is requested and cannot even be proposed
_ROLLOUT = timedelta(minutes=20)  # merges told before they carried the policy's own deadline

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
    return tuple(one.key for one in _sets(event, _EPOCH))


def sets_one(event: Event) -> bool:
    """Tell whether the clock has something new to wait for after the event."""
    return any(one.deadline is not None for one in _sets(event, _EPOCH))


def columns(row: Deadline) -> tuple[str, str, str]:
    """Return model key, its kind in a slot's place, and `open`, `lifted` or `passed`."""
    state = "lifted" if row.lifted else "passed" if row.passed else "open"
    return row.model_key, row.kind, state


def fold(row: Deadline | None, event: Event, at: datetime, key: str) -> Deadline | None:
    """Return the deadline after the event; what an older event set does not lift a newer one."""
    if isinstance(event, DeadlinePassed):
        if row is None or event.event_id != row.event_id:
            return row
        return replace(row, passed=True)
    found = next((one.deadline for one in _sets(event, at) if one.key == key), None)
    if found is None:
        return None if row is None else replace(row, lifted=True)
    if row is not None and row.lifted and found.promotion_id and found.kind != "soak":
        return row  # told late of a promotion that has ended
    return found


def _sets(event: Event, at: datetime) -> tuple[_Set, ...]:
    """Return what an event that counts from `at` sets and lifts."""
    sets = _setting(type(event))
    return sets(event, at) if sets else ()


@cache
def _setting(kind: type[Event]) -> Callable[[Any, datetime], tuple[_Set, ...]] | None:
    """Return what tells which deadlines a kind of event sets and lifts."""
    return next((sets for kinds, sets in _TABLE if issubclass(kind, kinds)), None)


def _gates(event: EvaluationStarted, _: datetime) -> tuple[_Set, ...]:
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
    event: EvaluationPassed | EvaluationFailed | EvaluationInconclusive | VersionDeleted,
    _: datetime,
) -> tuple[_Set, ...]:
    return (_Set(f"gates:{event.version.path}", None),)


def _waived(event: WaiverGiven, _: datetime) -> tuple[_Set, ...]:
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


def _requested(event: PromotionRequested, at: datetime) -> tuple[_Set, ...]:
    promotion_id = promotion_id_of(event.head.id)
    key = proposal_key(promotion_id)
    expiry = Deadline(
        key=key,
        kind="proposal",
        due=at + _UNPROPOSED,
        model_key=event.head.key,
        version=event.version,
        event_id=event.head.id,
        target=event.target,
        promotion_id=promotion_id,
        slot=event.slot,
    )
    return (_Set(key, expiry),)


def _proposed(event: PromotionProposed, _: datetime) -> tuple[_Set, ...]:
    """One told before it carried its own moment keeps that of its request."""
    if event.expires is None:
        return ()
    key = proposal_key(event.promotion_id)
    expiry = Deadline(
        key=key,
        kind="proposal",
        due=event.expires,
        model_key=event.head.key,
        version=event.version,
        event_id=event.head.id,
        target=event.target,
        promotion_id=event.promotion_id,
        slot=event.slot,
    )
    return (_Set(key, expiry),)


def _merged(event: PromotionApproved | PromotionBypassed, at: datetime) -> tuple[_Set, ...]:
    key = rollout_key(event.promotion_id)
    late = Deadline(
        key=key,
        kind="rollout",
        due=event.rollout_due or at + _ROLLOUT,
        model_key=event.head.key,
        version=event.version,
        event_id=event.head.id,
        target=event.target,
        promotion_id=event.promotion_id,
        slot=event.slot,
    )
    return (_Set(proposal_key(event.promotion_id), None), _Set(key, late))


def _closed(
    event: PromotionRejected | PromotionWithdrawn | PromotionSuperseded | PromotionExpired,
    _: datetime,
) -> tuple[_Set, ...]:
    return (_Set(proposal_key(event.promotion_id), None),)


def _rolled(
    event: RolloutSucceeded | RolloutFailed | RolloutSuperseded, _: datetime
) -> tuple[_Set, ...]:
    return (_Set(rollout_key(event.promotion_id), None),)


def _served(event: ServingChanged, _: datetime) -> tuple[_Set, ...]:
    """Whatever serves at a slot from now on begins its own soak, towards each following target."""
    return tuple(_soak(event, one) for one in event.soaks)


def _soak(event: ServingChanged, soak: Soak) -> _Set:
    model_key = event.head.key.rsplit("/", 1)[0]
    key = soak_key(model_key, event.target, soak.target)
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


def _held(event: TargetHeld | TargetReleased, _: datetime) -> tuple[_Set, ...]:
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


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)  # where only the keys matter
_TABLE: tuple[tuple[tuple[type[Event], ...], Callable[..., tuple[_Set, ...]]], ...] = (
    ((EvaluationStarted,), _gates),
    ((*_VERDICT, VersionDeleted), _judged),
    ((WaiverGiven,), _waived),
    ((PromotionRequested,), _requested),
    ((PromotionProposed,), _proposed),
    (_MERGED, _merged),
    (_CLOSED, _closed),
    (_ROLLED, _rolled),
    ((ServingChanged,), _served),
    ((TargetHeld, TargetReleased), _held),
)
