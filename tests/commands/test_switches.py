"""Pause, resume, hold, release, retry and drop: granted once, or refused with the reason."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from processor import events as e
from processor.commands.granted import Granted
from processor.commands.operators import Operators
from processor.commands.pause import Pause
from processor.commands.switches import Switches
from processor.errors import Refused
from processor.values.hold import Hold, hold_key
from processor.values.pause import EVERYTHING
from processor.values.pause import Pause as Stopped
from processor.values.people import People
from processor.values.principal import Principal, claimed
from tests.views.world import ANA, BO, START, World, switches_in

FRAUD = "main/default/fraud"
EVE = Principal("eve", "authenticated")
Wish = Callable[[Switches, Principal, str], Awaitable[Granted]]

WISHES: dict[str, Wish] = {
    "pause": lambda on, who, key: on.pause(who, FRAUD, "bad data", key),
    "resume": lambda on, who, key: on.resume(who, EVERYTHING, "", key),
    "hold": lambda on, who, key: on.hold(who, FRAUD, "production", "audit", key),
    "release": lambda on, who, key: on.release(who, FRAUD, "production", "", key),
    "retry": lambda on, who, key: on.retry(who, 9, "mended", key),
    "drop": lambda on, who, key: on.drop(who, 10, "not wanted", key),
}
SAID: dict[str, type[e.Event]] = {
    "pause": e.WritesPaused,
    "resume": e.WritesResumed,
    "hold": e.TargetHeld,
    "release": e.TargetReleased,
    "retry": e.WorkRetried,
    "drop": e.WorkDropped,
}


async def prepared() -> World:
    """A world in which each of the wishes can be granted."""
    world = World()
    world.judged(world.registered())
    await switches_in(world).pause(BO, EVERYTHING, "moving", "before-1")
    await switches_in(world).hold(BO, FRAUD, "production", "before", "before-2")
    world.row("dead", "propose", "no such file")
    world.row("dead", "announce", "no such endpoint")
    return world


async def refused(status: int, wish: Awaitable[object]) -> Refused:
    with pytest.raises(Refused) as caught:
        await wish
    assert caught.value.status == status, caught.value
    return caught.value


@pytest.mark.parametrize("name", WISHES)
async def test_a_wish_is_kept_with_who_and_repeating_it_is_the_same_event(name: str) -> None:
    world = await prepared()
    on = switches_in(world)
    before = len(world.happened)
    first = await WISHES[name](on, ANA, "key")
    assert await WISHES[name](on, ANA, "key") == first
    (said,) = world.happened[before:]
    assert isinstance(said.event, SAID[name])
    assert said.event.head.actor == ANA
    assert said.event.head.id == first.event_id


@pytest.mark.parametrize("name", WISHES)
async def test_who_may_not_and_what_is_malformed_changes_nothing(name: str) -> None:
    world = await prepared()
    on = switches_in(world)
    before = len(world.happened)
    await refused(401, WISHES[name](on, claimed("ana"), "key"))
    refusal = await refused(403, WISHES[name](on, EVE, "key"))
    assert "eve is not under people:" in refusal.detail
    await refused(400, WISHES[name](on, ANA, ""))
    assert len(world.happened) == before
    await WISHES[name](on, ANA, "key")
    await refused(422, WISHES[name](on, BO, "key"))  # somebody else's key


@pytest.mark.parametrize("name", WISHES)
async def test_where_no_process_runs_a_claimed_name_is_enough(name: str) -> None:
    world = await prepared()
    alone = Operators(People(), alone=True)
    pause = Pause(log=world, operators=alone, registry="main")
    await pause(claimed("root"), EVERYTHING, "night", f"k-{name}")
    event = world.happened[-1].event
    assert (event.head.actor.name, event.head.actor.assurance) == ("root", "claimed")
    await refused(403, pause(EVE, EVERYTHING, "night", "other"))  # signed in, and not known


async def test_reasons_are_needed_where_others_are_stopped() -> None:
    world = await prepared()
    on = switches_in(world)
    for wish in (
        on.pause(ANA, EVERYTHING, " ", "a"),
        on.hold(ANA, FRAUD, "production", "", "b"),
        on.drop(ANA, 9, "\t", "c"),
    ):
        assert (await refused(400, wish)).title == "Reason needed"
    for wish in (
        on.resume(ANA, EVERYTHING, "", "d"),
        on.release(ANA, FRAUD, "production", "", "e"),
        on.retry(ANA, 9, "", "f"),
    ):
        assert (await wish).event_id


async def test_pausing_folds_and_resuming_ends_each_pause_by_itself() -> None:
    world = World()
    world.registered()
    on = switches_in(world)
    await on.pause(ANA, EVERYTHING, "moving", "1")
    await on.pause(BO, FRAUD, "bad data", "2")
    await on.pause(ANA, EVERYTHING, "still moving", "3")
    one = await world.known.views.get(Stopped, EVERYTHING)
    assert one is not None
    assert (one.reason, one.by, one.ended) == ("still moving", ANA, False)
    assert one.since == START + timedelta(minutes=2)  # the first of the two
    await on.resume(ANA, EVERYTHING, "", "4")
    (left,) = await world.known.views.find(Stopped, state="open")
    assert left.key == FRAUD
    refusal = await refused(409, on.resume(ANA, EVERYTHING, "", "5"))
    assert refusal.detail == (
        "everything is not paused; the model fraud is, by bo, to be lifted by: "
        "sluice resume --model fraud"
    )
    await on.resume(ANA, FRAUD, "", "6")
    refusal = await refused(409, on.resume(ANA, FRAUD, "", "7"))
    assert refusal.detail == "the model fraud is not paused, and nothing else is"


async def test_a_hold_needs_a_target_that_is_there_and_an_end_that_is_to_come() -> None:
    world = World()
    world.registered()
    on = switches_in(world)
    refusal = await refused(404, on.hold(ANA, FRAUD, "prodution", "x", "1"))
    assert refusal.detail == "fraud has no target prodution; did you mean production?"
    assert "it has production" in (await refused(404, on.hold(ANA, FRAUD, "eu", "x", "2"))).detail
    past = datetime(2020, 1, 1, tzinfo=UTC)
    assert (
        "past"
        in (await refused(400, on.hold(ANA, FRAUD, "production", "x", "3", until=past))).detail
    )
    await on.hold(ANA, FRAUD, "production", "audit", "4", until=START + timedelta(days=7))
    hold = await world.known.views.get(Hold, hold_key(FRAUD, "production"))
    assert hold is not None
    assert (hold.by, hold.reason, hold.until) == (ANA, "audit", START + timedelta(days=7))
    await world.clock.jump(8 * 86400)
    again = await on.hold(ANA, FRAUD, "production", "audit", "4", until=START + timedelta(days=7))
    assert again.event_id == hold.event_id  # the same wish, although its end is past now


async def test_what_is_not_held_says_what_is() -> None:
    world = World()
    world.registered()
    on = switches_in(world)
    refusal = await refused(409, on.release(ANA, FRAUD, "production", "", "1"))
    assert refusal.detail == "'production' of fraud is not held, nor another"
    await on.hold(ANA, FRAUD, "production", "audit", "2")
    refusal = await refused(409, on.release(BO, FRAUD, "staging", "", "3"))
    assert refusal.detail == "'staging' of fraud is not held; production is"
    await on.release(BO, FRAUD, "production", "done", "4")  # whoever set it
    assert await world.known.views.find(Hold, state="open") == []


async def test_only_dead_rows_are_retried_or_dropped() -> None:
    world = await prepared()
    on = switches_in(world)
    assert "dead list" in (await refused(404, on.retry(ANA, 99, "", "1"))).detail
    await on.retry(ANA, 9, "mended", "2")
    refusal = await refused(409, on.drop(ANA, 9, "x", "3"))
    assert refusal.detail == "row 9 of propose is ready, not dead"
    await on.drop(ANA, 10, "not wanted", "4")
    refusal = await refused(409, on.retry(ANA, 10, "", "5"))
    assert "is dropped, not dead" in refusal.detail
