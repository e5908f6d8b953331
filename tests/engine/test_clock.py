"""The clock that everything waits by: it follows the machine's, and never leaps or goes back."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.engine.clock import FASTEST, RATE, SystemClock

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = 3600.0


class Machine:
    """A machine whose clock can be set while time passes."""

    def __init__(self) -> None:
        self.passed = 1000.0
        self.set_by = 0.0

    def wall(self) -> datetime:
        return START + timedelta(seconds=self.passed - 1000.0 + self.set_by)

    def passing(self) -> float:
        return self.passed

    def clock(self, not_before: datetime | None = None) -> SystemClock:
        return SystemClock(not_before=not_before, wall=self.wall, passing=self.passing)


def ran(clock: SystemClock, machine: Machine, seconds: float, step: float = 1.0) -> float:
    """Let time pass; return how many of the clock's seconds that were."""
    before = clock.now()
    for _ in range(round(seconds / step)):
        machine.passed += step
        clock.now()
    return (clock.now() - before).total_seconds()


def test_it_tells_the_machines_time() -> None:
    machine = Machine()
    clock = machine.clock()
    assert clock.now() == START
    assert ran(clock, machine, 100) == pytest.approx(100)
    assert clock.now() == machine.wall()
    before = clock.steady()
    machine.passed += 5
    machine.set_by = HOUR
    assert clock.steady() - before == 5


@pytest.mark.parametrize("by", [HOUR, -HOUR])
def test_a_jump_of_an_hour_shortens_and_lengthens_nothing_by_more_than_a_tenth(by: float) -> None:
    machine = Machine()
    clock = machine.clock()
    machine.set_by = by
    assert 60 * (1 - RATE) <= ran(clock, machine, 60) <= 60 * FASTEST
    took = ran(clock, machine, 11 * HOUR, step=10)
    assert clock.now() == machine.wall(), "after ten hours they agree again"
    assert took == pytest.approx(11 * HOUR + by, abs=7)


def test_control_the_bare_clock_of_the_machine_ends_a_window_at_once_or_an_hour_late() -> None:
    machine = Machine()
    began = machine.wall()
    machine.set_by = HOUR
    assert (machine.wall() - began).total_seconds() > 30, "a 30 s window is over after no time"
    machine.set_by = -HOUR
    machine.passed += 31
    assert (machine.wall() - began).total_seconds() < 30, "and not over after 31 s"


def test_a_clock_that_had_never_been_set_is_followed_at_once_but_never_back() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.set_by = 40 * 365 * 24 * HOUR
    assert clock.now() == machine.wall()
    here = clock.now()
    machine.set_by = 0
    machine.passed += 10
    assert here < clock.now() <= here + timedelta(seconds=10)


def test_a_ledgers_time_does_not_go_back_over_a_restart() -> None:
    machine = Machine()
    clock = machine.clock()
    ran(clock, machine, 60)
    stamped = clock.now()
    machine.set_by = -HOUR
    again = machine.clock(not_before=stamped)
    assert again.now() == stamped
    assert ran(again, machine, 100) == pytest.approx(100 * (1 - RATE))


@given(
    st.lists(
        st.tuples(st.floats(0, 5000, allow_nan=False), st.floats(-86400, 86400, allow_nan=False)),
        max_size=40,
    )
)
def test_whatever_happens_to_the_machines_clock_ours_goes_on_at_its_pace(
    steps: list[tuple[float, float]],
) -> None:
    machine = Machine()
    clock = machine.clock()
    for passed, set_to in steps:
        before = clock.now()
        machine.passed += passed
        machine.set_by = set_to
        apart = machine.wall() - before - timedelta(seconds=passed)
        went = (clock.now() - before).total_seconds()
        assert went >= passed * (1 - RATE) - 1e-3
        if apart <= timedelta(days=1):
            assert went <= passed * FASTEST + 1e-3
