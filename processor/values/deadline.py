"""A moment at which something should have happened.

Place in the flow: folded from events that carry due times; `sources/deadlines` alone tells
when one has passed.
"""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Deadline:
    """`key` is unique; `subject_path` and `about` say what it belongs to."""

    key: str
    kind: str
    due: datetime
    model_key: str
    event_id: str
    passed: bool = False
