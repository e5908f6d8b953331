"""The log as a channel.

Place in the flow: `engine/effects` tells it; every line is one announcement.
"""

from dataclasses import dataclass

from processor import log


@dataclass(frozen=True)
class LogNotifier:
    """Writes one readable line; a repeat carries the same key."""

    async def tell(self, effect_key: str, text: str) -> None:
        """Write it."""
        log.say("announced", text=text, key=effect_key)
