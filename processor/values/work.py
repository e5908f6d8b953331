"""A row of work: one handler's turn at one event, for one part.

Place in the flow: `engine/ingest` makes them, `engine/worker` takes them lane by lane.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

WorkState = Literal["ready", "running", "waiting", "done", "dead", "dropped"]

SUSPECT = 3
"""Ends of the whole process in a row after which a row has its next turn alone."""
CONDEMNED = 30
"""Ends of the whole process in a row after which a row is dead: the last were its own doing."""


@dataclass(frozen=True)
class Work:
    """`place` orders a lane; `due_at` is the earliest moment it may run (again), or when it ended.

    `attempts` counts every turn, `blamed` those that ended in an answer that blames the row,
    `crashes` the last ones in a row during which the whole process ended. A person's retry begins
    all three anew; `retried` counts those, and is part of the name of each death.
    """

    id: int
    event_id: str
    handler: str
    part: str
    lane: str
    place: int
    state: WorkState
    attempts: int
    blamed: int
    recorded_at: datetime
    due_at: datetime
    error: str = ""
    crashes: int = 0
    retried: int = 0


@dataclass(frozen=True)
class Stuck:
    """A row that does not go on, and the event it is about.

    `kind` is that event's type without its dress (`promotion.requested`), `model_key` the model's
    key, or the registry's where there is no model. The event itself may be unreadable.
    """

    work: Work
    kind: str
    subject: str
    model_key: str
