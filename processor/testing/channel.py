"""A channel in memory.

Place in the flow: tests hand it to the effects door as `Notifier`; it keeps what it was told, and
is down when they say so.
"""

from dataclasses import dataclass, field

from processor.errors import Unavailable


@dataclass(kw_only=True)
class MemoryChannel:
    """One endpoint; `down` is the reason it takes nothing, empty while it does."""

    name: str = "memory"
    down: str = ""
    told: list[tuple[str, str]] = field(default_factory=list)

    async def tell(self, effect_key: str, text: str) -> None:
        """Keep it. Raises Unavailable while down."""
        if self.down:
            raise Unavailable(f"endpoint {self.name}", self.down)
        self.told.append((effect_key, text))
