"""Wake-ups outlive the process, are one per subject, and a repeated delivery is known."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from processor.adapters.ledgers import Ledger
from processor.testing.clock import JumpingClock
from processor.values.wakeup import Hinted

FRAUD, SEVEN, CHURN = Hinted("fraud"), Hinted("fraud", "7"), Hinted("churn", "1")


@pytest.fixture
def clock() -> JumpingClock:
    return JumpingClock()


@pytest.fixture
async def ledger(tmp_path: Path, clock: JumpingClock) -> AsyncIterator[Ledger]:
    opened = await Ledger.open(tmp_path / "sluice.db", "main", clock)
    yield opened
    await opened.close()


async def subjects(ledger: Ledger, source: str = "registry") -> list[Hinted]:
    return [one.subject for one in await ledger.wakeups.waiting(source)]


async def test_a_subject_waits_once_however_often_it_is_said_the_oldest_first(
    ledger: Ledger, clock: JumpingClock
) -> None:
    for number, subject in enumerate((SEVEN, FRAUD, SEVEN, CHURN, SEVEN)):
        assert await ledger.wakeups.put("registry", subject, f"d{number}", clock.now())
    assert await subjects(ledger) == [SEVEN, FRAUD, CHURN]
    assert await subjects(ledger, "forge acme") == []
    await ledger.wakeups.done((await ledger.wakeups.waiting("registry"))[:2])
    assert await subjects(ledger) == [CHURN]
    await ledger.wakeups.done(())
    assert await subjects(ledger) == [CHURN]


async def test_a_repeated_delivery_is_stored_once_also_at_the_same_moment_and_when_done(
    ledger: Ledger, clock: JumpingClock
) -> None:
    put = ledger.wakeups.put
    at_once = [put("registry", SEVEN, "d1", clock.now()) for _ in range(20)]
    assert sorted(await asyncio.gather(*at_once)) == [False] * 19 + [True]
    await ledger.wakeups.done(await ledger.wakeups.waiting("registry"))
    assert not await put("registry", SEVEN, "d1", clock.now())
    assert await subjects(ledger) == []
    assert await put("forge acme", SEVEN, "d1", clock.now()), "another sender's id is another"


async def test_what_is_said_while_it_is_read_goes_on_waiting(
    ledger: Ledger, clock: JumpingClock
) -> None:
    await ledger.wakeups.put("registry", SEVEN, "d1", clock.now())
    reading = await ledger.wakeups.waiting("registry")
    await ledger.wakeups.put("registry", SEVEN, "d2", clock.now())
    await ledger.wakeups.done(reading)
    assert await subjects(ledger) == [SEVEN]
    await ledger.wakeups.done(await ledger.wakeups.waiting("registry"))
    assert await subjects(ledger) == []


async def test_they_outlive_the_process(tmp_path: Path, clock: JumpingClock) -> None:
    path = tmp_path / "sluice.db"
    first = await Ledger.open(path, "main", clock)
    await first.wakeups.put("registry", SEVEN, "d1", clock.now())
    await first.close()
    second = await Ledger.open(path, "main", clock)
    assert await subjects(second) == [SEVEN]
    assert not await second.wakeups.put("registry", SEVEN, "d1", clock.now())
    await second.close()


async def test_those_that_are_done_are_forgotten_once_no_signature_can_bring_them_again(
    ledger: Ledger, clock: JumpingClock
) -> None:
    for number in range(50):
        await ledger.wakeups.put("registry", Hinted("m", str(number)), f"d{number}", clock.now())
    [*all_but_one, _] = await ledger.wakeups.waiting("registry")
    await ledger.wakeups.done(all_but_one)
    later = clock.now() + timedelta(minutes=59)
    assert not await ledger.wakeups.put("registry", SEVEN, "d3", later)
    later = clock.now() + timedelta(minutes=61)
    assert await ledger.wakeups.put("registry", SEVEN, "d3", later)
    assert await subjects(ledger) == [Hinted("m", "49"), SEVEN], "what waits is never forgotten"


async def test_many_subjects_are_handed_out_in_parts(ledger: Ledger, clock: JumpingClock) -> None:
    many = [Hinted("m", str(number)) for number in range(450)]
    await asyncio.gather(
        *(ledger.wakeups.put("registry", one, one.number, clock.now()) for one in many)
    )
    seen: list[Hinted] = []
    sizes = []
    while waiting := await ledger.wakeups.waiting("registry"):
        seen += [one.subject for one in waiting]
        sizes.append(len(waiting))
        await ledger.wakeups.done(waiting)
    assert sorted(seen) == sorted(many)
    assert sizes == [200, 200, 50]
