"""What happened to the program itself.

Place in the flow: said by `sources/deadlines` and the engine; `announce` tells people.
"""

from typing import ClassVar

from processor.events.event import Event, Moment
from processor.values.version import Version


class DeadlinePassed(Event):
    """A due time came and went."""

    kind: ClassVar[str] = "deadline.passed"
    topic: ClassVar[str] = "operations"
    deadline: str
    """The deadline's key."""
    what: str
    """Its kind: `gate window`."""
    event_id: str
    """The event that set it."""
    due: Moment
    """When."""
    version: Version
    """Whose."""


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
