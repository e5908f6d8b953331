"""Which of our own writes a read of one registry field shows.

Place in the flow: `rules/changes` asks it once per field (a version's stage, one alias). MLflow
says neither who nor when, so a change is ours exactly when an open effect asked for this value
and its request can still have been the last to land; every other change is a stranger's.
Two writes of the same value at the same time cannot be told apart, and need not be.
"""

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

    `told` counts the changes already attributed to each effect that is still open: one request
    lands once, so a second flip to its value is not ours.
    """

    told: Mapping[str, int] = field(default_factory=dict)
    newest: Newest | None = None


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
    if now == before and landed and landed[-1].new != now:
        old = landed[-1].new
    ours = _author(now, memory, effects, landed, look) if old != now else None
    told = dict(memory.told)
    if ours is not None:
        told[ours.key] = told.get(ours.key, 0) + 1
    closings = tuple(
        EffectClosing(
            one.key,
            "overwritten" if one.new != now else "seen" if one.key in told else "noop",
        )
        for one in settled
    )
    still_open = {one.key for one in effects} - {one.key for one in closings}
    return FieldRead(
        old=old,
        new=now,
        ours=ours,
        expected=_undone(now, ours, memory, landed) if ours is not None else None,
        closings=closings,
        memory=Memory(
            told={key: times for key, times in told.items() if key in still_open},
            newest=_newest(memory, [*landed, *([ours] if ours else [])]),
        ),
    )


def _order(effect: Effect) -> tuple[float, str]:
    """Sort by when it was sent."""
    return (effect.sent_at.timestamp() if effect.sent_at else 0.0, effect.key)


def _author(
    now: str, memory: Memory, effects: Sequence[Effect], landed: Sequence[Effect], look: Look
) -> Effect | None:
    """Return the effect of ours that made this change, if one can have.

    One that was answered is known to have landed, so it goes before one that may still land;
    among equals the newest.
    """
    able = [one for one in effects if one.new == now and _can_have(one, memory, landed, look)]
    answered = [one for one in able if one.state == "done"]
    return next(reversed(answered or able), None)


def _can_have(effect: Effect, memory: Memory, landed: Sequence[Effect], look: Look) -> bool:
    """Tell whether a request of this effect can have been what landed last."""
    requests = max(1, effect.attempt)
    if effect.sent_at is None or memory.told.get(effect.key, 0) >= requests:
        return False
    if requests > 1:  # an earlier attempt may have landed at any time
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


def _undone(now: str, ours: Effect, memory: Memory, landed: Sequence[Effect]) -> str | None:
    """Return what our newest landed write asked, when an older request of ours came after it."""
    newest = _newest(memory, landed)
    if newest is None or ours.sent_at is None:
        return None
    return newest.value if newest.sent_at > ours.sent_at and newest.value != now else None


def _newest(memory: Memory, landed: Sequence[Effect]) -> Newest | None:
    """Return the newest of our writes that landed, the remembered one included."""
    known = [] if memory.newest is None else [memory.newest]
    known += [
        Newest(sent_at=one.sent_at, value=one.new) for one in landed if one.sent_at is not None
    ]
    return max(known, key=lambda one: one.sent_at, default=None)
