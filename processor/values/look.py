"""How one look of a source has been going.

Place in the flow: `sources/pace` makes them, `rules/stalls` judges them, readers show them.
"""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class LookState:
    """One look. `every` and `interval` are seconds between two of them, as set and as it is now.

    `pace` says in words why they differ, empty while they do not. `well` is when the newest look
    that went well began (None: none has since the process started), `first` when the first one
    did, `out` the seconds the one under way has taken so far. `problem` is what kept the newest
    look from going well, empty when nothing did. `requests` is how many that look made and
    `seconds` how long they were out together; `cost` is what a look costs of late, in seconds of
    the product's time.
    """

    name: str
    every: float
    interval: float
    pace: str
    first: datetime
    out: float
    well: datetime | None
    problem: str
    requests: int
    seconds: float
    cost: float
