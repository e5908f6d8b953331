"""A moment at which something should have happened.

Place in the flow: folded from events that carry due times; `sources/deadlines` alone tells
when one has passed.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from processor.values.version import Version

DeadlineKind = Literal["gate window", "waiver", "proposal", "rollout", "soak", "hold"]


@dataclass(frozen=True)
class Deadline:
    """`key` is unique; `event_id` set it; `version` is whose it is, None for a model's hold.

    `target` is the target that is waited for, `promotion_id` the promotion, `gate` the waived one.
    """

    key: str
    kind: DeadlineKind
    due: datetime
    model_key: str
    version: Version | None
    event_id: str
    target: str = ""
    promotion_id: str | None = None
    gate: str = ""
    passed: bool = False
