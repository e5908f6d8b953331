"""Giving committed events their place.

Place in the flow: `engine/relay` holds it; everything that pages goes by the place.
"""

from collections.abc import Sequence
from typing import Protocol

from processor.ports.log import Recorded


class Places(Protocol):
    """Positions without gaps, and the hash chain over them."""

    async def place(self, limit: int) -> Sequence[Recorded]:
        """Give up to `limit` unplaced events the next positions; return them in order."""
        ...
