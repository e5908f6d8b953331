"""The log as a channel.

Place in the flow: `engine/effects` tells it; every line is one announcement.
"""

from dataclasses import dataclass

from processor import log
from processor.errors import Unavailable


@dataclass(frozen=True)
class LogNotifier:
    """Writes one readable line; a repeat carries the same key. `name` is the endpoint's."""

    name: str = "log"

    async def tell(self, effect_key: str, text: str) -> None:
        """Write it. Raises Unavailable when nobody takes it (a full disk, a closed pipe)."""
        try:
            log.announce("announced", text=text, key=effect_key)
        except OSError as error:
            reason = f"the log cannot be written: {error.strerror or error}"
            raise Unavailable(f"endpoint {self.name}", reason) from None
