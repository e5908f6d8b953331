"""A target that keeps what it has.

Place in the flow: `hold` and `release` say it, `rules/history/holds` folds it; propose, vouch and
merge ask for it. A hold never stops a way back.
"""

from dataclasses import dataclass
from datetime import datetime

from processor.values.principal import Principal
from processor.values.version import key_of, parts_of


@dataclass(frozen=True)
class Hold:
    """One model's target; `until` None means until somebody releases it."""

    key: str
    model_key: str
    target: str
    by: Principal
    reason: str
    since: datetime
    event_id: str
    until: datetime | None = None
    ended: bool = False


def hold_key(model_key: str, target: str) -> str:
    """Return the key of the hold of a model's target."""
    return key_of(*parts_of(model_key), target)
