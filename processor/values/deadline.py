"""A moment at which something should have happened.

Place in the flow: folded from events that carry due times; `sources/deadlines` alone tells
when one has passed.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from processor.values.hold import hold_key
from processor.values.slot import Slot
from processor.values.version import Version

DeadlineKind = Literal["gate window", "waiver", "proposal", "rollout", "soak", "hold"]


@dataclass(frozen=True)
class Deadline:
    """`key` is unique; `event_id` set it; `version` is whose it is, None for a model's hold.

    `target` is the target that is waited for, `promotion_id` the promotion with its `slot`, `gate`
    the waived one. It is `passed` once that was told, and `lifted` when what waited is over.
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
    slot: Slot | None = None
    lifted: bool = False


def proposal_key(promotion_id: str) -> str:
    """Return the key of the moment at which an undecided promotion expires."""
    return f"proposal:{promotion_id}"


def rollout_key(promotion_id: str) -> str:
    """Return the key of the moment by which a merged promotion should serve."""
    return f"rollout:{promotion_id}"


def soak_key(model_key: str, served_at: str, next_target: str) -> str:
    """Return the key of the moment at which what serves at one target may go on to the next."""
    return f"soak:{hold_key(model_key, served_at)}:{next_target}"
