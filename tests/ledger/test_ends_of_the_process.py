"""Rows that ran when the process ended: tried again, and suspected only when it goes on."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from processor.adapters.ledgers import Ledger
from processor.ports.work import Room, Turn
from processor.testing.clock import JumpingClock
from processor.testing.samples import SAMPLES
from processor.values.work import CONDEMNED, SUSPECT, Work

ROOM = Room(free=8, most={("h", ""): 8}, taken={})


@pytest.fixture
def clock() -> JumpingClock:
    return JumpingClock()


@pytest.fixture
async def ledger(tmp_path: Path, clock: JumpingClock) -> AsyncIterator[Ledger]:
    """A ledger with two rows, in lanes of their own."""
    opened = await Ledger.open(tmp_path / "sluice.db", "main", clock, inline=True)
    await opened.log.append(SAMPLES[:2])
    await opened.log.place(10)
    await opened.work.dispatch(lambda event: [Turn("h", "", event.head.id)])
    yield opened
    await opened.close()


async def claimed(ledger: Ledger) -> list[Work]:
    return [work for work, _ in (await ledger.work.claim(ROOM)).turns]


async def test_a_suspect_waits_longer_each_time_and_is_condemned_in_the_end(
    ledger: Ledger, clock: JumpingClock
) -> None:
    one, other = await claimed(ledger)
    await ledger.work.settle(other, ())
    pauses = []
    for crashes in range(1, CONDEMNED + 1):
        assert await ledger.work.recover() == 1
        before = clock.steady()
        while not (taken := await claimed(ledger)):
            await clock.jump(1)
        assert [(work.id, work.crashes) for work in taken] == [(one.id, crashes)]
        pauses.append(clock.steady() - before)
    assert pauses == [0, 0, 1, 2, 4, 8, 16, *([30] * (CONDEMNED - 7))]


async def test_others_go_on_while_a_suspect_waits(ledger: Ledger, clock: JumpingClock) -> None:
    one, other = await claimed(ledger)
    for crashes in range(1, SUSPECT + 1):
        await ledger.work.postpone(other, until=clock.now(), error="", tail=False, blamed=False)
        await ledger.work.recover()
        taken = {work.id for work in await claimed(ledger)}
        assert other.id in taken
        assert (one.id in taken) is (crashes < SUSPECT)


async def test_a_turn_the_process_outlived_clears_the_row(
    ledger: Ledger, clock: JumpingClock
) -> None:
    one, other = await claimed(ledger)
    await ledger.work.settle(other, ())
    for _ in range(SUSPECT):
        await ledger.work.recover()
        await clock.jump(1)
        (one,) = await claimed(ledger)
    assert one.crashes == SUSPECT
    await ledger.work.postpone(one, until=clock.now(), error="", tail=False, blamed=False)
    (one,) = await claimed(ledger)
    assert one.crashes == 0
