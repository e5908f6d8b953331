"""Telling people and services.

Place in the flow: `announce` asks for it through `ports/effects`; allowed in every mode.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from processor.engine.effects.door import Door, digest
from processor.errors import Terminal
from processor.ports.writing.notifier import Notifier
from processor.values.effect import Effect


@dataclass(frozen=True, kw_only=True)
class AnnouncementDoor:
    """Announcements over every configured endpoint."""

    door: Door
    endpoints: Mapping[str, Notifier]

    async def tell(self, endpoint: str, text: str, cause: str) -> None:
        """Tell one endpoint about one event; the key lets it recognise a repeat."""
        notifier = self.endpoints.get(endpoint)
        if notifier is None:
            raise Terminal(f"no endpoint {endpoint!r} under `notify:`")
        key = f"tell:{endpoint}:{cause}"

        async def send() -> str:
            await notifier.tell(key, text)
            return ""

        effect = Effect(
            key=key,
            kind="announcement",
            subject=f"endpoint:{endpoint}",
            field="",
            new="",
            digest=digest(text),
            cause=cause,
        )
        await self.door.converge(effect, send, quiet=0.0)
