"""Keep a source looking.

Place in the flow: `app` runs one of these per look; a hint (`wake`) only makes the next look
sooner. An outage is reported, waited out and never ends the loop.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from processor import log
from processor.errors import Unavailable
from processor.ports.clock import Clock
from processor.ports.dependencies import Dependencies

_LONGEST = 30.0  # seconds between looks at a product that is down


async def keep_looking(
    look: Callable[[], Awaitable[None]],
    *,
    name: str,
    products: Sequence[str],
    every: float,
    clock: Clock,
    dependencies: Dependencies,
    wake: asyncio.Event,
) -> None:
    """Look every `every` seconds, sooner when woken, later while a product is down.

    `products` are the names that answered when a look went well.
    """
    wait = every
    while True:
        try:
            await look()
        except Unavailable as outage:
            dependencies.report(outage.product, str(outage))
            wait = min(max(wait * 2, every), max(_LONGEST, every))
            log.say("source.waits", source=name, reason=str(outage), seconds=wait)
        else:
            for product in products:
                dependencies.report(product)
            wait = every
        sleeping = asyncio.ensure_future(clock.sleep(wait))
        waking = asyncio.ensure_future(wake.wait())
        try:
            await asyncio.wait({sleeping, waking}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            # Not awaited: a cancellation of ours that came meanwhile would be lost with theirs.
            sleeping.cancel()
            waking.cancel()
        wake.clear()
