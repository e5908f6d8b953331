"""A write of which nobody knows whether it was made: every way to get there, and out again."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from processor.adapters.ledgers import Ledger
from processor.errors import NotSent, Paused, Retryable, Suppressed, Terminal, Unavailable
from processor.testing.clock import JumpingClock
from tests.engine.doors import Forge, an_effect, create, door, paused, resumed


async def state_of(ledger: Ledger) -> str:
    return (await ledger.effects.begin(an_effect())).state


class _Bug(RuntimeError):
    pass


@pytest.mark.parametrize(
    "failure", [Retryable("409: try again"), _Bug("a library's own"), TimeoutError()]
)
async def test_whatever_a_write_raises_leaves_doubt_and_never_a_second_request_at_once(
    ledger: Ledger, clock: JumpingClock, failure: Exception
) -> None:
    forge, through = Forge(), door(ledger, clock)

    async def breaks(attempt: int) -> str:
        await forge.send(attempt)
        raise failure

    with pytest.raises(type(failure)):
        await through.create(an_effect(), breaks, forge.look, quiet=60, read=str)
    assert await state_of(ledger) == "ambiguous"
    with pytest.raises(Retryable, match="looking again in 60 s"):
        await create(through, forge)
    await clock.jump(60)
    assert await create(through, forge) == "#1"
    assert forge.made == ["#1"]


async def test_the_quiet_window_of_a_turn_that_took_too_long_begins_when_it_is_stopped(
    ledger: Ledger, clock: JumpingClock
) -> None:
    forge, through, asked = Forge(), door(ledger, clock), asyncio.Event()

    async def hangs(attempt: int) -> str:
        forge.wire.append(attempt)
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    turn = asyncio.create_task(through.create(an_effect(), hangs, forge.look, quiet=60, read=str))
    await asked.wait()
    await clock.jump(120)  # longer than the window: it is no use to count from the sending
    turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turn
    assert await state_of(ledger) == "ambiguous"
    with pytest.raises(Retryable, match="in 60 s"):
        await create(through, forge)
    await clock.jump(59)
    forge.land()  # just in time
    with pytest.raises(Retryable, match="in 1 s"):
        await create(through, forge)
    await clock.jump(1)
    assert await create(through, forge) == "late 1"
    assert forge.made == ["late 1"]


async def test_a_row_that_is_still_sending_waits_from_when_that_is_found(
    ledger: Ledger, clock: JumpingClock
) -> None:
    """The ledger itself was away when the write failed: its end could not be written down."""
    forge = Forge(made=["#1"])
    stored = await ledger.effects.begin(an_effect())
    sent = clock.now() - timedelta(hours=1)
    window = timedelta(seconds=60)
    await ledger.effects.save(
        replace(stored, state="sending", attempt=1, sent_at=sent, quiet_until=sent + window)
    )
    through = door(ledger, clock)
    with pytest.raises(Retryable, match="in 60 s"):
        await create(through, forge)
    await clock.jump(60)
    assert await create(through, forge) == "#1"


@pytest.mark.parametrize("hours", [1, -1])
async def test_a_clock_that_is_set_shortens_and_prolongs_no_quiet_window(
    ledger: Ledger, clock: JumpingClock, hours: int
) -> None:
    forge, through = Forge(late=True), door(ledger, clock)
    with pytest.raises(Unavailable):
        await create(through, forge)
    clock.correct(hours * 3600)
    await clock.jump(59)
    with pytest.raises(Retryable, match="in 1 s"):
        await create(through, forge)
    forge.land()
    await clock.jump(1)
    assert await create(through, forge) == "late 1"


@pytest.mark.parametrize("hours", [0, -1])
async def test_another_process_waits_at_most_one_window_whatever_the_clock_says(
    ledger: Ledger, clock: JumpingClock, hours: int
) -> None:
    forge = Forge(lose=True)
    with pytest.raises(Unavailable):
        await create(door(ledger, clock), forge)
    clock.correct(hours * 3600)
    later = door(ledger, clock)
    with pytest.raises(Retryable, match="in 60 s"):
        await create(later, forge)
    await clock.jump(60)
    assert await create(later, forge) == "#1"


async def test_a_write_that_was_refused_is_not_in_doubt(
    ledger: Ledger, clock: JumpingClock
) -> None:
    forge, through = Forge(), door(ledger, clock)

    async def refused(_: int) -> str:
        raise Terminal("422: no such base")

    with pytest.raises(Terminal):
        await through.create(an_effect(), refused, forge.look, quiet=60, read=str)
    assert await state_of(ledger) == "todo"
    assert await create(through, forge) == "#1", "put right, it is made at once"


async def test_a_refusal_because_it_is_there_already_is_adopted(
    ledger: Ledger, clock: JumpingClock
) -> None:
    forge, through = Forge(made=["#7"]), door(ledger, clock)

    async def refused(_: int) -> str:
        raise Terminal("409: there is one already")

    found = await through.create(an_effect(), refused, forge.look, quiet=60, read=str)
    assert found == "#7"
    assert await state_of(ledger) == "done"


@pytest.mark.parametrize("before", ["todo", "ambiguous"])
async def test_a_request_that_never_left_changes_nothing_about_what_is_in_doubt(
    ledger: Ledger, clock: JumpingClock, before: str
) -> None:
    forge, through = Forge(late=before == "ambiguous"), door(ledger, clock)
    if before == "ambiguous":
        with pytest.raises(Unavailable):
            await create(through, forge)
        await clock.jump(60)

    async def not_sent(_: int) -> str:
        raise NotSent("forge", "not asked")

    was = await ledger.effects.begin(an_effect())
    for spent in range(1, 4):
        with pytest.raises(NotSent):
            await through.create(an_effect(), not_sent, forge.look, forge.clear, quiet=60, read=str)
        now = await ledger.effects.begin(an_effect())
        assert now == replace(was, attempt=was.attempt + spent)
    assert was.state == before
    assert await create(through, forge) == "#1", "no quiet window for what never left"
    forge.land()
    assert forge.made == ["#1"]


async def test_control_a_request_that_never_left_taken_for_a_lost_one_waits_for_nothing(
    ledger: Ledger, clock: JumpingClock
) -> None:
    forge, through = Forge(), door(ledger, clock)

    async def down(_: int) -> str:
        raise Unavailable("forge", "not asked")

    with pytest.raises(Unavailable):
        await through.create(an_effect(), down, forge.look, quiet=60, read=str)
    with pytest.raises(Retryable, match="in 60 s"):
        await create(through, forge)


async def test_clearing_that_fails_half_way_is_done_again_before_anything_is_sent(
    ledger: Ledger, clock: JumpingClock
) -> None:
    forge, through, tries = Forge(late=True), door(ledger, clock), 0
    with pytest.raises(Unavailable):
        await create(through, forge)
    await clock.jump(60)

    async def clear(attempt: int) -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise Unavailable("forge", "reset while deleting the branch")
        await forge.clear(attempt)

    for _ in range(2):
        with pytest.raises(Unavailable):
            await through.create(an_effect(), forge.send, forge.look, clear, quiet=60, read=str)
        assert (await state_of(ledger), forge.made) == ("ambiguous", [])
    made = await through.create(an_effect(), forge.send, forge.look, clear, quiet=60, read=str)
    assert (made, tries, forge.cleared) == ("#1", 3, {1})
    forge.land()
    assert forge.made == ["#1"]


async def test_while_paused_doubt_is_looked_into_but_nothing_is_cleared(
    ledger: Ledger, clock: JumpingClock
) -> None:
    lost, late, through = Forge(lose=True), Forge(late=True), door(ledger, clock)
    with pytest.raises(Unavailable):
        await create(through, lost)
    with pytest.raises(Unavailable):
        await through.create(
            an_effect(key="2"), late.send, late.look, late.clear, quiet=60, read=str
        )
    await paused(ledger)
    await clock.jump(60)
    assert await create(through, lost) == "#1", "reading is allowed, and so is adopting"
    with pytest.raises(Paused):
        await through.create(
            an_effect(key="2"), late.send, late.look, late.clear, quiet=60, read=str
        )
    assert (late.cleared, late.made) == (set(), [])
    await resumed(ledger)
    made = await through.create(
        an_effect(key="2"), late.send, late.look, late.clear, quiet=60, read=str
    )
    assert (made, late.cleared) == ("#1", {1})


async def test_a_result_that_cannot_be_read_is_looked_up_again(
    ledger: Ledger, clock: JumpingClock
) -> None:
    through, numbers = door(ledger, clock), ["7"]

    async def send(_: int) -> str:
        raise AssertionError("it is done")

    async def look() -> str | None:
        return numbers[0] if numbers else None

    stored = await ledger.effects.begin(an_effect())
    await through.answered(stored, "#&!")
    assert await through.create(an_effect(), send, look, quiet=60, read=int) == 7
    numbers.clear()
    assert await through.create(an_effect(), send, look, quiet=60, read=int) == 7, "it is repaired"
    await through.answered(stored, "")
    with pytest.raises(Terminal, match="effect k is done with result '', which cannot be read"):
        await through.create(an_effect(), send, look, quiet=60, read=int)


async def test_a_restored_ledger_looks_for_what_its_former_life_asked_for(
    ledger: Ledger, clock: JumpingClock
) -> None:
    forge = Forge()
    until = clock.now() + timedelta(seconds=60)
    through = replace(door(ledger, clock), doubtful_until=until)
    with pytest.raises(Retryable, match="in 60 s"):
        await create(through, forge)
    forge.made.append("of the former life")
    await clock.jump(60)
    assert await create(through, forge) == "of the former life"
    fresh = Forge()
    made = await through.create(
        an_effect(key="2"), fresh.send, fresh.look, fresh.clear, quiet=60, read=str
    )
    assert made == "#1", "and what it did not ask for is made"


async def test_a_restored_ledger_looks_before_it_makes_what_the_backup_calls_suppressed(
    ledger: Ledger, clock: JumpingClock
) -> None:
    forge = Forge()
    with pytest.raises(Suppressed):
        await create(door(ledger, clock, "observe"), forge, "the backup's")
    assert await state_of(ledger) == "suppressed"
    forge.made.append("of the former life")
    until = clock.now() + timedelta(seconds=60)
    through = replace(door(ledger, clock), doubtful_until=until)
    with pytest.raises(Retryable, match="in 60 s"):
        await create(through, forge, "announced again")
    await clock.jump(60)
    assert await create(through, forge, "announced again") == "of the former life"
    assert forge.made == ["of the former life"], "no second one"


async def test_what_a_restored_ledger_calls_suppressed_and_nobody_made_stays_so_for_its_event(
    ledger: Ledger, clock: JumpingClock
) -> None:
    forge = Forge()
    with pytest.raises(Suppressed):
        await create(door(ledger, clock, "observe"), forge, "the backup's")
    through = replace(door(ledger, clock), doubtful_until=clock.now())
    with pytest.raises(Suppressed):
        await create(through, forge, "the backup's")
    assert await create(through, forge, "another") == "#1"


async def test_only_what_may_be_made_twice_is_remembered_and_not_for_ever(
    ledger: Ledger, clock: JumpingClock
) -> None:
    through = door(ledger, clock)

    async def lost(*_: int) -> str:
        raise Unavailable("forge", "reset")

    async def look() -> None:
        return None

    for number in range(50):
        with pytest.raises(Unavailable):
            await through.converge(an_effect("registry.mark", f"mark {number}"), lost, quiet=30)
        with pytest.raises(Unavailable):
            await through.create(an_effect(key=f"{number}"), lost, look, quiet=60, read=str)
    assert sorted(through._over) == sorted(map(str, range(50)))
    await clock.jump(2 * 3600)
    with pytest.raises(Unavailable):
        await through.create(an_effect(key="now"), lost, look, quiet=60, read=str)
    assert list(through._over) == ["now"]
