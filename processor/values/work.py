"""A row of work: one handler's turn at one event, for one part.

Place in the flow: `engine/ingest` makes them, `engine/worker` takes them lane by lane.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

WorkState = Literal["ready", "running", "waiting", "done", "dead"]


@dataclass(frozen=True)
class Work:
    """`place` orders a lane; `due_at` is the earliest moment it may run (again).

    `attempts` counts every turn, `blamed` those that ended in an answer that blames the row,
    `crashes` those during which the whole process ended.
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
