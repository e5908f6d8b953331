"""Which of our own writes a read of one registry field shows.

Place in the flow: `rules/changes` asks it once per field (a version's stage, one alias). MLflow
says neither who nor when, so a change is ours exactly when an open effect asked for this value
and its request can still have been the last to land; every other change is a stranger's.
Two writes of the same value at the same time cannot be told apart, and need not be.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from processor.values.effect import Effect, EffectClosing


@dataclass(frozen=True, kw_only=True)
class Newest:
    """The newest of our writes that is known to have landed: when it was sent, and its value."""

    sent_at: datetime
    value: str


@dataclass(frozen=True, kw_only=True)
class Memory:
    """What a snapshot keeps of our writes to one field.

    `told` counts, by value, the changes attributed to effects that are still open: each request
    lands once, so more flips to a value than there are requests for it are not ours.
    `last` is the key of the effect that made the value held now (empty for a stranger), and
    `read_at` when the read that told it was answered.
    """

    told: Mapping[str, int] = field(default_factory=dict)
    newest: Newest | None = None
    last: str = ""
    read_at: datetime | None = None


NOTHING = Memory()


@dataclass(frozen=True, kw_only=True)
class Look:
    """One request to the registry: when it was sent and answered, by our clock.

    `effects` are the open ones, loaded after the answer (so none that it shows is missing) and
    sorted here by when they were sent.
    """

    incarnation: str
    asked_at: datetime
    read_at: datetime
    effects: Sequence[Effect]

    def of(self, subject: str, name: str) -> Sequence[Effect]:
        """Return the open effects on one field, the oldest first."""
        return self._by_field.get((subject, name), ())

    def about(self, subject: str) -> Sequence[Effect]:
        """Return the open effects on one subject, whatever the field, the oldest first."""
        return self._by_subject.get(subject, ())

    @cached_property
    def _by_subject(self) -> Mapping[str, Sequence[Effect]]:
        """Group once, as below."""
        found: dict[str, list[Effect]] = {}
        for one in sorted(self.effects, key=_order):
            found.setdefault(one.subject, []).append(one)
        return found

    @cached_property
    def _by_field(self) -> Mapping[tuple[str, str], Sequence[Effect]]:
        """Group once: a full reading asks for every version there is."""
        found: dict[tuple[str, str], list[Effect]] = {}
        for one in sorted(self.effects, key=_order):
            found.setdefault((one.subject, one.field), []).append(one)
        return found

    def settled(self, effect: Effect) -> bool:
        """Tell whether no request of this effect can land after this read was sent."""
        if effect.state == "done":
            answered = effect.answered_at is not None and effect.answered_at < self.asked_at
            return answered and (effect.attempt <= 1 or self._quiet(effect))
        return effect.state == "ambiguous" and self._quiet(effect)

    def _quiet(self, effect: Effect) -> bool:
        """Tell whether the quiet window was over when the read was sent."""
        return effect.quiet_until is not None and effect.quiet_until < self.asked_at


@dataclass(frozen=True, kw_only=True)
class FieldRead:
    """What one read says of one field.

    `old` differs from `new` when there is something to tell; `ours` is the effect that did it,
    `expected` what our newest landed write had asked when an older one of ours undid it.
    """

    old: str
    new: str
    ours: Effect | None
    expected: str | None
    closings: tuple[EffectClosing, ...]
    memory: Memory

    @property
    def changed(self) -> bool:
        """Tell whether there is something to tell."""
        return self.old != self.new


def read_field(
    before: str, now: str, memory: Memory, effects: Sequence[Effect], look: Look
) -> FieldRead:
    """Compare what was seen with what is seen; `effects` are the field's, oldest first.

    A value that looks untouched although our newer write was answered before the read was sent
    has been put back by somebody: that is a change, from our value.
    """
    settled = [one for one in effects if look.settled(one)]
    landed = [one for one in settled if one.state == "done"]
    old = before
    newest = _newest(memory, landed)
    if now == before and newest is not None and newest != memory.newest and newest.value != now:
        old = newest.value
    able: list[Effect] = []
    told = dict(memory.told)
    if old != before and _told_meanwhile(memory, newest):
        ours = next((one for one in effects if (one.key, one.new) == (memory.last, now)), None)
    else:
        if old != now and told.get(now, 0) < _requests(effects, now):
            asked = (one for one in effects if one.new == now)
            able = [one for one in asked if _can_have(one, memory, landed, look)]
        ours = _author(able, look)
        if ours is not None:
            told[now] = told.get(now, 0) + 1
    closings = tuple(
        EffectClosing(
            one.key, "overwritten" if one.new != now else "seen" if told.get(now) else "noop"
        )
        for one in settled
    )
    left = {value: times - _requests(settled, value) for value, times in told.items()}
    return FieldRead(
        old=old,
        new=now,
        ours=ours,
        expected=_undone(able[-1], memory, landed) if able else None,
        closings=closings,
        memory=Memory(
            told={value: times for value, times in left.items() if times > 0},
            newest=_newest(memory, [*landed, *([ours] if ours else [])]),
            last=memory.last if old == now else ours.key if ours else "",
            read_at=memory.read_at if old == now else look.read_at,
        ),
    )


def number_made(effect: Effect) -> str | None:
    """Return the number of the version an effect made, None while it cannot be told from it."""
    try:
        number = json.loads(effect.result or "")
    except ValueError:
        return None
    return number if isinstance(number, str) else None


def _order(effect: Effect) -> tuple[float, str]:
    """Sort by when it was sent."""
    return (effect.sent_at.timestamp() if effect.sent_at else 0.0, effect.key)


def _told_meanwhile(memory: Memory, newest: Newest | None) -> bool:
    """Tell whether the value was told while our newest write had no answer yet.

    It may then have come after that write: it is told again, as the same author's, because the
    answer has since made others believe our value.
    """
    return newest is not None and memory.read_at is not None and memory.read_at > newest.sent_at


def _author(able: Sequence[Effect], look: Look) -> Effect | None:
    """Return the effect to which a change is attributed, of those that can have made it.

    Each request explains one change. What can explain no later one goes first: effects that were
    answered or whose quiet window is over, then the one whose window ends soonest.
    """
    certain = [one for one in able if one.state == "done" or look.settled(one)]
    return next(iter([*certain, *able]), None)


def _requests(effects: Sequence[Effect], value: str) -> int:
    """Return how many requests for a value these effects have made."""
    return sum(max(1, one.attempt) for one in effects if one.new == value)


def _can_have(effect: Effect, memory: Memory, landed: Sequence[Effect], look: Look) -> bool:
    """Tell whether a request of this effect can have been what landed last."""
    if effect.sent_at is None:
        return False
    if effect.attempt > 1:  # an earlier attempt may have landed at any time
        return True
    return effect.sent_at <= look.read_at and not _replaced(effect, memory, landed)


def _replaced(effect: Effect, memory: Memory, landed: Sequence[Effect]) -> bool:
    """Tell whether a later write of ours landed after this one was answered.

    An answered request cannot land again: its value coming back is a stranger's doing.
    """
    if effect.state != "done" or effect.answered_at is None:
        return False
    newest = _newest(memory, landed)
    return (
        newest is not None and newest.value != effect.new and newest.sent_at >= effect.answered_at
    )


def _undone(ours: Effect, memory: Memory, landed: Sequence[Effect]) -> str | None:
    """Return what our newest landed write asked, when an older request of ours came after it."""
    newest = _newest(memory, landed)
    if newest is None or ours.sent_at is None or newest.sent_at <= ours.sent_at:
        return None
    return newest.value if newest.value != ours.new else None


def _newest(memory: Memory, landed: Sequence[Effect]) -> Newest | None:
    """Return the newest of our writes that landed, the remembered one included."""
    known = [] if memory.newest is None else [memory.newest]
    known += [
        Newest(sent_at=one.sent_at, value=one.new) for one in landed if one.sent_at is not None
    ]
    return max(known, key=lambda one: one.sent_at, default=None)
