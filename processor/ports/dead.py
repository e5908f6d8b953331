"""What a person may do about rows of work that were given up.

Place in the flow: `retry` and `drop` act through it; page, API and CLI list dead rows through
`ports/work.WorkReader`.
"""

from typing import Protocol

from processor.events import WorkDropped, WorkRetried
from processor.values.work import Stuck


class DeadRows(Protocol):
    """Settle dead rows by hand."""

    async def get(self, work_id: int) -> Stuck | None:
        """Return one row in whatever state, None when there is no such row."""
        ...

    async def retry(self, work_id: int, told: WorkRetried) -> None:
        """Put a dead row back at its lane's tail as if it were new, and tell it, in one.

        Raises Refused 409 when the row is not dead, or its event still cannot be read.
        """
        ...

    async def drop(self, work_id: int, told: WorkDropped) -> None:
        """Lay a dead row aside for good, and tell it, in one. Raises Refused 409 when not dead."""
        ...
