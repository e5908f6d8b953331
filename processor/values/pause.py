"""Somebody stopped our writes.

Place in the flow: `pause` and `resume` say it, `rules/history/pauses` folds it, the effects door
asks for it before every write; status, pages and metrics show it.
"""

from dataclasses import dataclass
from datetime import datetime

from processor.values.principal import Principal

EVERYTHING = ""
"""The key of a pause that stops the writes about every model."""


@dataclass(frozen=True)
class Pause:
    """`key` is the model key whose writes stand still, or EVERYTHING."""

    key: str
    by: Principal
    reason: str
    since: datetime
    event_id: str
    ended: bool = False
