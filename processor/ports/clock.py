"""What time it is.

Place in the flow: everything that waits or stamps holds one; tests hold one that jumps.
"""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Time, in UTC."""

    def now(self) -> datetime:
        """Return the present moment, aware, UTC."""
        ...

    def steady(self) -> float:
        """Return seconds since some moment, which no correction of the machine's clock moves."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...
