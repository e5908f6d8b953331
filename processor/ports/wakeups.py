"""What waits to be read because somebody said that it changed.

Place in the flow: `web/hooks` puts, a source reads what waits and lays it aside once it has looked.
They outlive the process; losing one costs a delay, for every source looks by itself.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from processor.values.wakeup import Hinted, Wakeup


class Wakeups(Protocol):
    """Wake-ups by source (`registry`), one per subject however often it was said."""

    async def put(self, source: str, subject: Hinted, delivery: str, at: datetime) -> bool:
        """Store a wake-up; False when that delivery was stored before, also if it is done."""
        ...

    async def waiting(self, source: str) -> Sequence[Wakeup]:
        """Return the subjects that wait, each once, the one that waits longest first.

        There may be more than are returned; the next call returns those.
        """
        ...

    async def done(self, wakeups: Sequence[Wakeup]) -> None:
        """Lay subjects aside; one that was said again since it was returned goes on waiting."""
        ...
