"""Who did it, and how sure we are.

Place in the flow: every event has an actor; approvals count only authenticated ones.
MLflow records nobody, so most registry changes are by `UNKNOWN`.
"""

from dataclasses import dataclass
from typing import Literal

Assurance = Literal["authenticated", "claimed", "unknown"]


@dataclass(frozen=True, order=True)
class Principal:
    """A person or a program; `name` is the one of `people:` in the configuration where mapped."""

    name: str
    assurance: Assurance

    def __str__(self) -> str:
        """Return the name, with a word of doubt where there is any."""
        return self.name if self.assurance == "authenticated" else f"{self.name} ({self.assurance})"


SLUICE = Principal("sluice", "authenticated")
UNKNOWN = Principal("unknown", "unknown")


def claimed(name: str) -> Principal:
    """Return somebody a run tag or a commit names, without proof."""
    return Principal(name, "claimed") if name else UNKNOWN
