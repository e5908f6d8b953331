"""How long a row waits after a failure, and when there is no sense in waiting on."""

from datetime import timedelta

import pytest

from processor.engine.tries import Tries
from processor.errors import NotYet, Retryable, Unavailable
from processor.testing.clock import JumpingClock
from processor.values.work import Work

HOUR, DAY = 3600.0, 86400.0


def a_row(clock: JumpingClock, *, age: float = 0.0, attempts: int = 0, number: int = 1) -> Work:
    """Return a row of an event that was recorded `age` seconds ago."""
    now = clock.now()
    recorded = now - timedelta(seconds=age)
    return Work(
        number, "e", "register", "", "lane", 1, "running", attempts, 0, recorded, due_at=now
    )


def tries(clock: JumpingClock) -> Tries:
    return Tries(clock=clock, longest=30.0)


def early(until: float = HOUR, product: str = "") -> NotYet:
    return NotYet("no version of run r1 yet", after=2.0, until=until, product=product)


async def looked(on: Tries, clock: JumpingClock, row: Work, until: float, seconds: float) -> bool:
    """Look every 30 s for so long; return whether the row was given up at the end, never before."""
    for _ in range(int(seconds // 30)):
        assert not on.in_vain(row, early(until), blind=False)
        await clock.jump(30)
    return on.in_vain(row, early(until), blind=False)


def test_a_wait_grows_with_failures_in_a_row_and_with_nothing_else(clock: JumpingClock) -> None:
    on, row = tries(clock), a_row(clock, attempts=8640)
    down, odd = Unavailable("registry", "reset"), Retryable("409: try again")
    window = Retryable("an earlier request got no answer", after=60.0, blames=False)
    assert on.failed(row, window) == 60.0
    assert [on.failed(row, down) for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]
    assert on.failed(row, Unavailable("registry", "429", after=90.0)) == 90.0
    assert on.failed(row, window) == 60.0
    on.in_vain(row, early(), blind=False)
    assert [on.failed(row, odd) for _ in range(3)] == [1, 2, 4], "it was only too early before"
    on.answered(row, ended=True)
    assert on.failed(row, odd) == 1
    assert on.failed(a_row(clock, number=2), odd) == 1, "and another row has its own"


async def test_a_row_whose_time_ran_out_before_anybody_could_look_has_time_to_look(
    clock: JumpingClock,
) -> None:
    on, row = tries(clock), a_row(clock, age=5400)
    assert await looked(on, clock, row, HOUR, 3600)


async def test_always_a_row_that_could_look_all_the_time_is_given_up_in_time(
    clock: JumpingClock,
) -> None:
    on, row = tries(clock), a_row(clock)
    assert await looked(on, clock, row, HOUR, 3630)
    short = a_row(clock, number=2)
    assert await looked(on, clock, short, 600.0, 630)


async def test_another_process_gives_an_old_row_an_hour_and_not_its_whole_time_again(
    clock: JumpingClock,
) -> None:
    on, row = tries(clock), a_row(clock)
    for _ in range(23):
        on = tries(clock)  # a process an hour
        assert not await looked(on, clock, row, DAY, 3600)
    assert await looked(tries(clock), clock, row, DAY, 3630), "it survives restarts"


async def test_after_an_outage_it_is_not_given_up_at_the_first_look(clock: JumpingClock) -> None:
    on, row = tries(clock), a_row(clock)
    assert not await looked(on, clock, row, HOUR, 1800)
    for _ in range(90):
        on.failed(row, Unavailable("registry", "down"))
        await clock.jump(60)
    assert await looked(on, clock, row, HOUR, 3600)


async def test_a_hiccup_gives_no_new_time(clock: JumpingClock) -> None:
    on, row = tries(clock), a_row(clock)
    for _ in range(60):
        assert not on.in_vain(row, early(), blind=False)
        on.failed(row, Unavailable("registry", "reset"))
        await clock.jump(61)
    assert on.in_vain(row, early(), blind=False)


async def test_no_time_is_spent_while_who_has_to_see_it_is_down(clock: JumpingClock) -> None:
    on, row = tries(clock), a_row(clock)
    for _ in range(300):
        assert not on.in_vain(row, early(product="registry"), blind=True)
        await clock.jump(30)
    assert await looked(on, clock, row, HOUR, 3600)


@pytest.mark.parametrize("hours", [3, -3])
async def test_a_clock_that_is_set_gives_up_no_row_that_has_not_looked(
    clock: JumpingClock, hours: int
) -> None:
    on, row = tries(clock), a_row(clock)
    assert not on.in_vain(row, early(), blind=False)
    clock.correct(hours * 3600)
    await clock.jump(2)
    assert not on.in_vain(row, early(), blind=False)


def test_a_product_is_free_once_the_last_row_that_waited_for_it_is_through(
    clock: JumpingClock,
) -> None:
    on = tries(clock)
    one, other, third = (a_row(clock, number=number) for number in (1, 2, 3))
    for row in (one, other, third):
        on.failed(row, Unavailable("evaluator", "the disk is full"))
    on.failed(one, Unavailable("registry", "down"))
    assert set(on.answered(one, ended=True)) == {"registry"}
    assert set(on.answered(other, ended=False)) == set(), "another row still waits"
    assert set(on.answered(third, ended=True)) == {"evaluator"}
    assert set(on.answered(other, ended=True)) == set(), "told once"
    assert on._courses == {}, "and nothing is remembered of rows that are through"
