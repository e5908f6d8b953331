"""The wake-up between relay and ingest."""

import asyncio

import pytest

from processor.bus.local import LocalBus


async def _for_ever(bus: LocalBus) -> None:
    while True:
        await bus.arrived(60)


@pytest.mark.parametrize("rounds", range(5))
async def test_a_cancellation_is_not_lost_in_a_wake_up(rounds: int) -> None:
    """A task that went on would keep the whole process from ending."""
    bus = LocalBus()
    waiting = asyncio.create_task(_for_ever(bus))
    await asyncio.sleep(0.01)
    bus.coming()
    for _ in range(rounds):
        await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({waiting}, timeout=1)
    went_on = not waiting.done()
    while not waiting.done():
        waiting.cancel()
        await asyncio.sleep(0.01)
    assert not went_on


async def test_it_wakes_and_it_gives_up_in_time() -> None:
    bus = LocalBus()
    bus.coming()
    async with asyncio.timeout(5) as limit:
        await bus.arrived(60)
        await bus.arrived(0.01)
    assert not limit.expired()
