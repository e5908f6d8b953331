"""Somebody stopped our writes.

Place in the flow: `pause` and `resume` say it, `rules/history/pauses` folds it, the effects door
asks for it before every write; status, pages and metrics show it.
"""

from dataclasses import dataclass
from datetime import datetime

from processor.values.principal import Principal
from processor.values.version import parts_of

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

    @property
    def product(self) -> str:
        """Return the name its waiting rows and its state go by: `writes`, `writes of <key>`."""
        return f"writes of {self.key}" if self.key else "writes"

    @property
    def problem(self) -> str:
        """Return who stopped them, since when, why, and how they go on."""
        model = f" --model {parts_of(self.key)[-1]}" if self.key else ""
        return (
            f"paused by {self.by} since {self.since:%Y-%m-%d %H:%M:%S} UTC: {self.reason}; "
            f"they go on with: sluice resume{model}"
        )


def is_writes(product: str) -> bool:
    """Tell whether a state named like a product is that of our own writes, which a pause stops."""
    return product == "writes" or product.startswith("writes of ")
