"""Tell one endpoint what its patterns ask for.

Place in the flow: any event -> one message; each endpoint has its own lane, so that a dead one
delays only itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from processor.events import Event, WorkDied
from processor.ports.effects import Announcements
from processor.rules.announcement import text_of


@dataclass(frozen=True, kw_only=True)
class Announce:
    """One instance per endpoint."""

    endpoint: str
    effects: Announcements

    async def __call__(self, event: Event) -> Sequence[Event]:
        """Say nothing more; a failing endpoint is never told about itself."""
        if isinstance(event, WorkDied) and (event.handler, event.part) == (
            "announce",
            self.endpoint,
        ):
            return []
        await self.effects.tell(self.endpoint, text_of(event), event.head.id)
        return []
