"""A handler that sleeps or hangs uses up its own share of the lanes, and nobody else's."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from processor.engine.ingest import planning
from processor.events import Event, VersionRegistered
from processor.ports.work import Room
from tests.engine.rig import route, running
from tests.make import a_version, registered


async def fine(_: VersionRegistered) -> Sequence[Event]:
    return []


class Sleepers:
    """Never answers; counts who sleeps at once, by part."""

    def __init__(self) -> None:
        self.asleep: Counter[str] = Counter()
        self.most: Counter[str] = Counter()

    def of(self, part: str) -> Any:
        async def sleep(_: VersionRegistered) -> Sequence[Event]:
            self.asleep[part] += 1
            self.most[part] = max(self.most[part], self.asleep[part])
            try:
                await asyncio.sleep(3600)
            finally:
                self.asleep[part] -= 1
            return []

        return sleep


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut sleepers off at once when a test stops the worker."""
    monkeypatch.setattr("processor.engine.worker._DRAIN", 0.1)


async def test_a_sleeping_handler_and_a_dead_receiver_have_their_shares_and_no_more(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sleepers = Sleepers()
    routes = [
        route("sleepy", sleepers.of("sleepy"), together=8),
        route("announce", sleepers.of("dead"), part="dead", together=2),
        route("announce", fine, part="alive", lane=lambda event: f"alive:{event.version.model}"),
        route("fine", fine),
    ]
    async with running(tmp_path, routes, lanes=12) as rig:
        told = [registered(a_version(model=f"m{number}")) for number in range(60)]
        await rig.ledger.log.append(told)

        async def others_done() -> bool:
            done = await rig.rows("done")
            return {name: len(rows) for name, rows in done.items()} == {"fine": 60, "announce": 60}

        await rig.until(others_done)
        slept, woken = dict(sleepers.most), (await rig.ledger.counts.summary()).work["running"]
    with capsys.disabled():
        print(f"\nshares: asleep at most {slept} of 12 lanes, 120 rows of others done")
    assert slept == {"sleepy": 8, "dead": 2}
    assert woken == 10


async def test_control_without_shares_the_sleepers_have_every_lane(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sleepers = Sleepers()
    routes = [route("sleepy", sleepers.of("sleepy"), together=99), route("fine", fine)]
    async with running(tmp_path, routes, lanes=12) as rig:
        told = [registered(a_version(model=f"m{number}")) for number in range(60)]
        await rig.ledger.log.append(told)

        async def full() -> bool:
            return sleepers.asleep["sleepy"] >= 12

        await rig.until(full)
        for _ in range(100):
            await asyncio.sleep(0)
        done = len((await rig.rows("done")).get("fine", []))
        asleep = sleepers.most["sleepy"]
    with capsys.disabled():
        print(f"shares, control: {asleep} asleep in 12 lanes, {done} of 60 rows of others done")
    # Whoever has no turn at all gets one: the others crawl through that one, and stop nowhere.
    assert asleep >= 12
    assert done < 60


async def test_heads_of_a_full_handler_hide_nobody_however_many_they_are(tmp_path: Path) -> None:
    routes = [route("many", fine, together=2), route("few", fine, together=2)]
    async with running(tmp_path, routes, lanes=0) as rig:
        rig.worker.stopping.set()
        rig.worker.planned.set()
        await asyncio.sleep(0.05)
        work = rig.ledger.work
        told = [registered(a_version(model=f"m{number}")) for number in range(300)]
        await rig.ledger.log.append(told)
        while await rig.ledger.log.place(500):
            pass
        while await work.dispatch(planning(routes)):
            pass
        most = {("many", ""): 2, ("few", ""): 2}

        async def claimed(free: int, many: int, few: int) -> Counter[str]:
            taken = {("many", ""): many, ("few", ""): few}
            turns = (await work.claim(Room(free=free, most=most, taken=taken))).turns
            return Counter(row.handler for row, _ in turns)

        assert await claimed(9, 2, 2) == {}
        assert await claimed(9, 2, 0) == {"few": 2}
        assert await claimed(9, 0, 2) == {"many": 2}
        assert await claimed(1, 1, 1) == {"many": 1}, "the longest due first"
        assert await claimed(0, 2, 0) == {"few": 1}, "who has no turn gets one, however full it is"
        assert await claimed(0, 1, 1) == {}


async def test_rows_of_a_handler_that_routes_no_longer_name_are_given_up(tmp_path: Path) -> None:
    gone = [route("gone", fine)]
    async with running(tmp_path, gone, lanes=0) as rig:
        rig.worker.stopping.set()
        rig.worker.planned.set()
        await rig.ledger.log.append([registered(a_version(model=f"m{n}")) for n in range(3)])

        async def planned() -> bool:
            return len((await rig.rows("ready")).get("gone", [])) >= 2

        await rig.until(planned)
    async with running(tmp_path, [route("fine", fine)]) as rig:
        await rig.until(lambda: _all_dead(rig))
        reasons = {one.reason for one in await rig.died()}
        assert all("names no handler gone for model_version.registered" in one for one in reasons)


async def _all_dead(rig: Any) -> bool:
    return bool((await rig.ledger.counts.summary()).work.get("dead", 0) >= 2)


async def test_a_turn_cut_off_by_a_stop_is_put_back_and_counts_as_nobodys_fault(
    tmp_path: Path,
) -> None:
    sleepers = Sleepers()
    async with running(tmp_path, [route("sleepy", sleepers.of("sleepy"))]) as rig:
        await rig.ledger.log.append([registered(a_version())])

        async def asleep() -> bool:
            return sleepers.asleep["sleepy"] == 1

        await rig.until(asleep)
    async with running(tmp_path, [route("sleepy", fine)]) as rig:
        await rig.state_is(done=1)
        [row] = (await rig.rows("done"))["sleepy"]
        assert (row.crashes, row.blamed, row.attempts) == (0, 0, 2)
