"""What each source last saw.

Place in the flow: sources read them before they ask the outside; `EventLog.append` moves them.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from processor.values.effect import Effect
from processor.values.snapshot import Snapshot


class Snapshots(Protocol):
    """A source's memory, and the open effects it matches what it sees against."""

    async def load(self, prefix: str) -> Mapping[str, Snapshot]:
        """Return the snapshots whose subject starts with the prefix, by subject."""
        ...

    async def get(self, subject: str) -> Snapshot:
        """Return one snapshot; revision 0 and no data when there is none yet."""
        ...

    async def open_effects(self, prefix: str) -> Sequence[Effect]:
        """Return effects not yet closed whose subject starts with the prefix."""
        ...
