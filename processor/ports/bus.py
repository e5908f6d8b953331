"""The public record and the wake-up.

Place in the flow: `engine/relay` publishes placed events; what arrives wakes `engine/ingest`.
"""

from collections.abc import Sequence
from typing import Protocol

from processor.ports.log import Recorded


class Bus(Protocol):
    """Topics others consume, or nothing but a wake-up."""

    def coming(self) -> None:
        """Hear that events are about to be placed: who reads the ledger may ask for them at once.

        What is asked of the ledger from then on comes behind the placing, in the same commit.
        """
        ...

    async def publish(self, placed: Sequence[Recorded]) -> None:
        """Publish events in order of place; return once they are safe."""
        ...

    async def arrived(self, seconds: float) -> None:
        """Wait until something was published, at most so long."""
        ...
