"""Keep a source looking.

Place in the flow: `app` runs one of these per look; a hint (`wake`) only makes the next look
sooner. Whatever goes wrong in a look is reported, waited out and never ends the loop; how it went
and what it cost is kept in its course (`sources/pace`).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from processor import log
from processor.errors import SluiceError, Unavailable
from processor.ports.clock import Clock
from processor.sources.findings import Findings
from processor.sources.pace import Course

_LONGEST = 30.0  # seconds between looks while nothing answers
_BREATH = 0.01  # seconds at least between two looks

Look = Callable[[], Awaitable[Mapping[str, str]]]
"""One pass: returns the products it asked, each with its problem (empty: it answered)."""


async def keep_looking(
    look: Look,
    *,
    course: Course,
    products: Sequence[str],
    clock: Clock,
    findings: Findings,
    wake: asyncio.Event,
    until_next: Callable[[], Awaitable[float]] | None = None,
) -> None:
    """Look at the course's pace, sooner when woken, later while nothing it asks answers.

    `products` are what it may ask: a look that fails without naming one is told of each of them.
    `until_next` is asked after a look that went well when the next could be worth it, in seconds.
    """
    wait, failure = course.interval, ""
    while True:
        well, soonest, problem = False, float("inf"), ""
        course.begins()
        try:
            found = await look()
            if until_next is not None:
                soonest = max(await until_next(), _BREATH)
        except Unavailable as outage:
            problem = str(outage)
            findings.outage(outage)
            log.say("source.waits", source=course.name, reason=problem)
        except Exception as error:  # noqa: BLE001 - one look that fails must not end every other
            problem = str(error) if isinstance(error, SluiceError) else _words(error)
            if problem != failure:
                log.failed("source.failed", source=course.name, reason=problem)
            failure = problem
            findings.heard(course.name, dict.fromkeys(products, f"{course.name}: {problem}"))
        else:
            findings.heard(course.name, found)
            failure = ""
            well = not found or not all(found.values())
            problem = _complaint(found)
        course.ends(problem)
        every = course.interval
        wait = min(soonest, every) if well else min(max(wait * 2, every), max(_LONGEST, every))
        await _pause(wait, course.soonest, clock, wake)


def _complaint(found: Mapping[str, str]) -> str:
    """Return what did not answer, in one line, empty when everything did."""
    said = (f"{name}: {why.removeprefix(f'{name}: ')}" for name, why in found.items() if why)
    return "; ".join(said)


def _words(error: Exception) -> str:
    """Return an unexpected error in one line."""
    return f"{type(error).__name__}: {error}"


async def _pause(wait: float, at_least: float, clock: Clock, wake: asyncio.Event) -> None:
    """Sleep until the time is over or something says that a look is worth it.

    No hint shortens what the look has to keep away from the product.
    """
    if 0 < at_least < wait:
        await clock.sleep(at_least)
        wait -= at_least
    sleeping = asyncio.ensure_future(clock.sleep(wait))
    waking = asyncio.ensure_future(wake.wait())
    try:
        await asyncio.wait({sleeping, waking}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        # Not awaited: a cancellation of ours that came meanwhile would be lost with theirs.
        sleeping.cancel()
        waking.cancel()
    wake.clear()
