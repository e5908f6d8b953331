"""What happened to the program itself.

Place in the flow: said by `sources/deadlines`, `sources/modes`, commands and the engine;
`announce` tells people, also while writes are paused.
"""

from typing import ClassVar

from processor.events.event import Event, Moment
from processor.values.deadline import DeadlineKind
from processor.values.slot import Slot
from processor.values.version import Version


class DeadlinePassed(Event):
    """A due time came and went."""

    kind: ClassVar[str] = "deadline.passed"
    topic: ClassVar[str] = "operations"
    deadline: str
    """The deadline's key."""
    what: DeadlineKind
    """Its kind."""
    event_id: str
    """The event that set it."""
    due: Moment
    """When."""
    version: Version | None
    """Whose; None: a model's."""
    target: str = ""
    """The target that is waited for, where there is one."""
    promotion_id: str | None = None
    """The promotion, where there is one."""
    gate: str = ""
    """The waived gate, where there is one."""
    slot: Slot | None = None
    """The scalar in Git the promotion would change, where there is one."""


class SourceStalled(Event):
    """A source has not been able to look for far longer than it should."""

    kind: ClassVar[str] = "source.stalled"
    topic: ClassVar[str] = "operations"
    name: str
    """Which look: `registry changes`, `proposals` ..."""
    since: Moment
    """When it last went well, or when it was first tried."""
    reason: str
    """What was said last."""


class WorkDied(Event):
    """A row of work was given up; told once."""

    kind: ClassVar[str] = "work.died"
    topic: ClassVar[str] = "operations"
    handler: str
    """Whose row."""
    part: str
    """For which part."""
    event_id: str
    """At which event."""
    reason: str
    """Why."""


class _OfWork(Event):
    topic: ClassVar[str] = "operations"
    work_id: int
    """The row's number in the ledger."""
    handler: str
    """Whose row."""
    part: str
    """For which part."""
    event_id: str
    """At which event."""
    reason: str
    """Why, in the operator's words."""


class WorkRetried(_OfWork):
    """A dead row was put back at its lane's tail."""

    kind: ClassVar[str] = "work.retried"


class WorkDropped(_OfWork):
    """A dead row was laid aside for good."""

    kind: ClassVar[str] = "work.dropped"


class WritesPaused(Event):
    """Every write to the outside waits until it is resumed."""

    kind: ClassVar[str] = "writes.paused"
    topic: ClassVar[str] = "operations"
    model_key: str
    """The model whose writes wait; empty: every model's."""
    reason: str
    """Why."""


class WritesResumed(Event):
    """What waited goes on."""

    kind: ClassVar[str] = "writes.resumed"
    topic: ClassVar[str] = "operations"
    model_key: str
    """The model whose writes go on; empty: those that were paused for every model."""
    reason: str = ""
    """Why."""


class ModeChanged(Event):
    """What may be written about a model is no longer what it was."""

    kind: ClassVar[str] = "mode.changed"
    topic: ClassVar[str] = "operations"
    old: str
    """observe, propose or full."""
    new: str
    """observe, propose or full."""


class _OfTarget(Event):
    topic: ClassVar[str] = "operations"
    target: str
    """The target's name in the policy."""
    reason: str
    """Why."""


class TargetHeld(_OfTarget):
    """One model's target keeps what it has; only a way back is proposed there."""

    kind: ClassVar[str] = "target.held"
    until: Moment | None = None
    """When it ends by itself."""


class TargetReleased(_OfTarget):
    """The target takes new versions again."""

    kind: ClassVar[str] = "target.released"
