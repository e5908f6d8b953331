"""How long a call may take, and whom an answer that does not come in time is held against."""

import asyncio

import pytest

from processor.engine import breakers
from processor.engine.breakers import ENDS, Breaker, guarded
from processor.errors import Forbidden, NotSent, Unavailable
from processor.testing.clock import JumpingClock
from tests.engine.test_breakers import Bench, Part, down


async def slowly() -> None:
    await asyncio.sleep(0.05)


async def never() -> None:
    await asyncio.Event().wait()


async def in_a_turn(one: Part, seconds: float) -> None:
    """Ask a part in a turn that is stopped after so many seconds."""
    ends = ENDS.set(asyncio.get_running_loop().time() + seconds)
    try:
        await one.check()
    finally:
        ENDS.reset(ends)


async def test_a_part_that_keeps_its_own_time_may_take_any() -> None:
    breaker = Breaker(product="registry", clock=JumpingClock())
    assert await guarded(Part([slowly]), breaker, limit=None).check() == "fine"
    with pytest.raises(Unavailable, match=r"gave no answer within 0\.01 s"):
        await guarded(Part([slowly]), breaker, limit=0.01).check()


async def test_a_part_that_keeps_its_own_time_still_ends_before_the_turn_that_waits() -> None:
    one = guarded(Part([never]), Breaker(product="registry", clock=JumpingClock()), limit=None)
    with pytest.raises(Unavailable, match=r"registry: gave no answer within 0\.1") as gone:
        await in_a_turn(one, 0.2)
    assert not gone.value.blames


async def test_the_end_of_a_turn_is_no_fault_of_a_product_that_was_hardly_asked() -> None:
    breaker = Breaker(product="registry", clock=JumpingClock())
    one = guarded(Part([never]), breaker)
    for _ in range(4):
        with pytest.raises(Unavailable, match="gave no answer within"):
            await in_a_turn(one, 0.05)
    assert (breaker.open, breaker.problem) == (False, "")


async def test_control_it_is_the_product_that_had_a_fair_time_to_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(breakers, "_FAIR", 0.0)
    breaker = Breaker(product="registry", clock=JumpingClock())
    one = guarded(Part([never]), breaker)
    for _ in range(3):
        with pytest.raises(Unavailable, match="gave no answer within"):
            await in_a_turn(one, 0.05)
    assert breaker.open


async def test_a_turn_that_is_over_asks_nothing_so_that_nothing_is_in_doubt() -> None:
    part, breaker = Part(), Breaker(product="registry", clock=JumpingClock())
    one = guarded(part, breaker)
    with pytest.raises(NotSent, match="the turn that would have is over"):
        await in_a_turn(one, -1.0)
    assert (part.calls, breaker.problem) == (0, "")
    assert await one.check() == "fine"


async def test_a_right_that_is_missing_is_an_answer() -> None:
    bench = Bench(part=Part([Forbidden("registry", "403: no permission on fraud")]))
    await bench.fails(5, Forbidden)
    assert bench.part.calls == 5
    assert bench.problem == ""


async def test_while_a_long_answer_comes_in_another_call_may_find_out() -> None:
    gate = asyncio.Event()

    async def pages() -> None:
        await gate.wait()

    bench = Bench(part=Part([down(), down(), down(), pages, down()]))
    bench.guarded = guarded(bench.part, bench.breaker, limit=None)
    await bench.fails(3)
    await bench.clock.jump(1)
    listing = asyncio.create_task(bench.guarded.check())
    await asyncio.sleep(0)
    await bench.clock.jump(59)
    await bench.fails(1, NotSent)
    await bench.clock.jump(1)
    bench.part.script.clear()
    assert await bench.guarded.check() == "fine"
    gate.set()
    assert await listing == "fine"
