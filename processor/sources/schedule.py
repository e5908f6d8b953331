"""Keep a source looking.

Place in the flow: `app` runs one of these per look; a hint (`wake`) only makes the next look
sooner. Whatever goes wrong in a look is reported, waited out and never ends the loop.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from processor import log
from processor.errors import SluiceError, Unavailable
from processor.ports.clock import Clock
from processor.sources.findings import Findings

_LONGEST = 30.0  # seconds between looks while nothing answers
_BREATH = 0.01  # seconds at least between two looks

Look = Callable[[], Awaitable[Mapping[str, str]]]
"""One pass: returns the products it asked, each with its problem (empty: it answered)."""


async def keep_looking(
    look: Look,
    *,
    name: str,
    products: Sequence[str],
    every: float,
    clock: Clock,
    findings: Findings,
    wake: asyncio.Event,
    until_next: Callable[[], Awaitable[float]] | None = None,
) -> None:
    """Look every `every` seconds, sooner when woken, later while nothing it asks answers.

    `products` are what it may ask: a look that fails without naming one is told of each of them.
    `until_next` is asked after a look that went well when the next could be worth it, in seconds.
    """
    wait, failure = every, ""
    while True:
        well, soonest = False, every
        try:
            found = await look()
            if until_next is not None:
                soonest = max(await until_next(), _BREATH)
        except Unavailable as outage:
            findings.outage(outage)
            log.say("source.waits", source=name, reason=str(outage))
        except Exception as error:  # noqa: BLE001 - one look that fails must not end every other
            reason = str(error) if isinstance(error, SluiceError) else _words(error)
            if reason != failure:
                log.failed("source.failed", source=name, reason=reason)
            failure = reason
            findings.heard(name, dict.fromkeys(products, f"{name}: {reason}"))
        else:
            findings.heard(name, found)
            failure = ""
            well = not found or not all(found.values())
        wait = min(soonest, every) if well else min(max(wait * 2, every), max(_LONGEST, every))
        await _pause(wait, clock, wake)


def _words(error: Exception) -> str:
    """Return an unexpected error in one line."""
    return f"{type(error).__name__}: {error}"


async def _pause(wait: float, clock: Clock, wake: asyncio.Event) -> None:
    """Sleep until the time is over or something says that a look is worth it."""
    sleeping = asyncio.ensure_future(clock.sleep(wait))
    waking = asyncio.ensure_future(wake.wait())
    try:
        await asyncio.wait({sleeping, waking}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        # Not awaited: a cancellation of ours that came meanwhile would be lost with theirs.
        sleeping.cancel()
        waking.cancel()
    wake.clear()
