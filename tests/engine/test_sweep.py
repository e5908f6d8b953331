"""What no bus told of is dispatched by the next sweep, by the injected clock."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from processor.errors import Unavailable
from processor.events import Event, VersionRegistered
from processor.ports.log import Recorded
from processor.testing.clock import JumpingClock
from tests.engine.rig import route, running
from tests.make import a_version, registered


class Silent:
    """A bus that takes everything and tells nobody."""

    def coming(self) -> None:
        pass

    async def publish(self, placed: Sequence[Recorded]) -> None:
        pass

    async def arrived(self, _: float) -> None:
        await asyncio.Event().wait()


class Down(Silent):
    """A bus that refuses what is published until it is told to answer; counts what it took."""

    def __init__(self) -> None:
        self.down = True
        self.took: list[str] = []

    async def publish(self, placed: Sequence[Recorded]) -> None:
        if self.down:
            raise Unavailable("bus", "no broker answers")
        self.took += [one.event.head.id for one in placed]


async def fine(_: VersionRegistered) -> Sequence[Event]:
    return []


async def rounds() -> None:
    for _ in range(50):
        await asyncio.sleep(0.002)


async def test_a_silent_bus_costs_half_a_minute_and_no_event(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = JumpingClock()
    async with running(tmp_path, [route("fine", fine)], clock=clock, bus=Silent()) as rig:
        await rounds()
        told = [registered(a_version(str(number))) for number in range(5)]
        await rig.ledger.log.append(told)
        await rounds()
        before = await rig.ledger.counts.summary()
        await clock.jump(30)
        await rig.state_is(done=5)
    with capsys.disabled():
        print(f"\nsweep: {before.undispatched} undispatched before 30 s, 0 after")
    assert (before.pos, before.undispatched, before.work) == (5, 5, {})


async def test_what_could_not_be_published_is_published_once_the_bus_answers(
    tmp_path: Path,
) -> None:
    clock, bus = JumpingClock(), Down()
    async with running(tmp_path, [route("fine", fine)], clock=clock, bus=bus) as rig:
        told = [registered(a_version(str(number))) for number in range(3)]
        await rig.ledger.log.append(told[:2])
        await rounds()
        await rig.ledger.log.append(told[2:])
        await rounds()
        assert bus.took == []
        bus.down = False
        await clock.jump(1)
        await rounds()
        assert bus.took == [one.head.id for one in told]
        await clock.jump(30)
        await rig.state_is(done=3)
