"""Telling somebody.

Place in the flow: `engine/effects` alone calls it, for `announce`.
"""

from typing import Protocol


class Notifier(Protocol):
    """One endpoint: a channel, a receiver, or the log."""

    async def tell(self, effect_key: str, text: str) -> None:
        """Deliver the text; the key lets the endpoint recognise a repeat.

        Raises Unavailable, product `endpoint <name>`, when it does not take it.
        """
        ...
