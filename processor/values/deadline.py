"""A moment at which something should have happened.

Place in the flow: folded from events that carry due times; `sources/deadlines` alone tells
when one has passed.
"""

from dataclasses import dataclass
from datetime import datetime

from processor.values.version import Version


@dataclass(frozen=True)
class Deadline:
    """`key` is unique; `event_id` set it; `version` is whose it is."""

    key: str
    kind: str
    due: datetime
    model_key: str
    version: Version
    event_id: str
    passed: bool = False
