"""Virtual time: it jumps, it repeats itself, and it refuses what is not virtual."""

import asyncio
import random
import socket
import time
from datetime import timedelta

import pytest

from tests.simulation.loop import EPOCH, NothingCanHappen, NotVirtual, VirtualClock, virtually


def test_a_day_takes_no_time() -> None:
    async def sleeps() -> tuple[float, float]:
        began = time.monotonic()
        await asyncio.sleep(86_400)
        return asyncio.get_running_loop().time(), time.monotonic() - began

    virtual, real = virtually(sleeps())
    assert virtual == pytest.approx(86_400, abs=0.01)
    assert real < 60


def test_the_clock_goes_with_the_loop_unless_somebody_moves_it() -> None:
    async def looks() -> tuple[float, float]:
        clock = VirtualClock()
        await clock.sleep(10)
        went = (clock.now() - EPOCH).total_seconds()
        clock.ahead = timedelta(hours=-1)
        return went, (clock.now() - EPOCH).total_seconds()

    went, jumped = virtually(looks())
    assert went == pytest.approx(10, abs=0.01)
    assert jumped == pytest.approx(10 - 3600, abs=0.01)


def test_the_same_tasks_go_the_same_way_every_time() -> None:
    async def many() -> list[tuple[int, float]]:
        dice, seen = random.Random(7), list[tuple[int, float]]()

        async def one(number: int) -> None:
            for _ in range(5):
                await asyncio.sleep(dice.random())
                seen.append((number, asyncio.get_running_loop().time()))

        await asyncio.gather(*(one(number) for number in range(20)))
        return seen

    assert virtually(many()) == virtually(many())


def test_what_nobody_can_ever_wake_is_told_instead_of_waited_for() -> None:
    async def waits() -> None:
        await asyncio.Event().wait()

    with pytest.raises(NothingCanHappen, match="waits"):
        virtually(waits())


def test_threads_sockets_and_processes_are_refused() -> None:
    async def thread() -> None:
        await asyncio.to_thread(time.sleep, 0)

    async def connects() -> None:
        await asyncio.get_running_loop().create_connection(asyncio.Protocol, "127.0.0.1", 9)

    async def reads() -> None:
        with socket.socket() as one:
            asyncio.get_running_loop().add_reader(one, print)

    async def spawns() -> None:
        await asyncio.create_subprocess_exec("true")

    with pytest.raises(NotVirtual, match="wants a thread"):
        virtually(thread())
    for waiting in (connects, reads, spawns):
        with pytest.raises(NotImplementedError):
            virtually(waiting())
