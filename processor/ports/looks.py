"""How the looks of the sources are going.

Place in the flow: `sources/schedule` keeps it up to date; status, metrics and `sources/stalls`
read it.
"""

from collections.abc import Mapping
from typing import Protocol

from processor.values.look import LookState


class Looks(Protocol):
    """Every look of this process."""

    def states(self) -> Mapping[str, LookState]:
        """Return the state of every look that has begun, by name."""
        ...
