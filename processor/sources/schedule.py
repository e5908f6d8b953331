"""Keep a source looking.

Place in the flow: `app` runs one of these per look; a hint (`wake`) only makes the next look
sooner. An outage is reported, waited out and never ends the loop.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from processor import log
from processor.errors import Unavailable
from processor.ports.clock import Clock
from processor.ports.dependencies import Dependencies

_LONGEST = 30.0  # seconds between looks at a product that is down


async def keep_looking(
    look: Callable[[], Awaitable[None]],
    *,
    name: str,
    product: str,
    every: float,
    clock: Clock,
    dependencies: Dependencies,
    wake: asyncio.Event,
) -> None:
    """Look every `every` seconds, sooner when woken, later while the product is down."""
    wait = every
    while True:
        try:
            await look()
        except Unavailable as outage:
            dependencies.report(product, str(outage))
            wait = min(max(wait * 2, every), max(_LONGEST, every))
            log.say("source.waits", source=name, reason=str(outage), seconds=wait)
        else:
            dependencies.report(product)
            wait = every
        sleeping = asyncio.ensure_future(clock.sleep(wait))
        waking = asyncio.ensure_future(wake.wait())
        try:
            await asyncio.wait({sleeping, waking}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sleeping, waking):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        wake.clear()
