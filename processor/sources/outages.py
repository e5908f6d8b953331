"""Ask a product that did not answer whether it answers again.

Place in the flow: a handler may find a forge down when no source has a reason to look at it; its
rows wait for this. One look per product, so that one that hangs delays no other. What answers is
not asked; how often the others are asked, and what the answer means, is the breaker's to say.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from processor.errors import SluiceError


@dataclass(frozen=True, kw_only=True)
class OutagesSource:
    """`checks` asks a product by its name, through its breaker; `to_probe` tells when to."""

    checks: Mapping[str, Callable[[], Awaitable[str]]]
    to_probe: Callable[[str], bool]

    async def look(self, product: str) -> Mapping[str, str]:
        """Ask it, if there is something to find out; its breaker hears what it says."""
        if self.to_probe(product):
            with suppress(SluiceError):
                await self.checks[product]()
        return {}
