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

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...
