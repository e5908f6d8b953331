"""A mode that allows more: what waited goes on, under its own name and once."""

import pytest

from processor import events as e
from processor.errors import NotYet, Suppressed
from processor.policy.mode import Mode
from processor.values.about import About
from processor.values.version import Version
from tests.handlers.test_holds import passer
from tests.handlers.world import ANA, BEN, FILE, MANIFEST, WHERE, World

MODEL = About("main", "default", "fraud")


async def changed(world: World, new: Mode, old: Mode) -> e.ModeChanged:
    kind = e.ModeChanged
    event = kind(head=world.head(kind, MODEL), old=old, new=new)
    world.mode = new
    await world.tell(event)
    return event


async def suppressed(world: World, version: Version, **more: object) -> e.PromotionRequested:
    """Ask for a version while nothing may be written."""
    world.mode = "observe"
    request = await world.requested(version, **more)  # type: ignore[arg-type]
    with pytest.raises(Suppressed):
        await world.react("propose", request)
    return request


async def test_what_was_asked_for_before_is_proposed_as_the_promotion_it_is(world: World) -> None:
    request = await suppressed(world, await passer(world), by=BEN)
    wider = await changed(world, "propose", "observe")
    assert await world.ask("renew", wider) == [], "it is still open"
    [event] = await world.react("propose", wider)
    assert isinstance(event, e.PromotionProposed)
    row = await world.promotion(request)
    assert (row.state, row.requested_by, row.id) == ("proposed", BEN, event.promotion_id)
    assert await world.react("propose", wider) == []
    assert await world.react("propose", request) == []
    assert len(await world.forge.list_open(WHERE)) == 1


async def test_only_the_newest_goes_on_and_the_others_end_with_it(world: World) -> None:
    old = await suppressed(world, await passer(world, "run-1"))
    newest = await suppressed(world, await passer(world, "run-2"))
    wider = await changed(world, "propose", "observe")
    proposed, superseded = await world.react("propose", wider)
    assert isinstance(proposed, e.PromotionProposed)
    assert isinstance(superseded, e.PromotionSuperseded)
    assert (await world.promotion(newest)).state == "proposed"
    assert (await world.promotion(old)).state == "superseded"
    assert len(await world.forge.list_open(WHERE)) == 1


async def test_one_that_does_not_hold_any_more_gives_way_to_the_one_before(world: World) -> None:
    first, second = await passer(world, "run-1"), await passer(world, "run-2")
    before = await suppressed(world, first)
    newest = await suppressed(world, second)
    await world.judged(second, "failed")
    withdrawn, proposed = await world.react("propose", await changed(world, "full", "observe"))
    assert isinstance(withdrawn, e.PromotionWithdrawn)
    assert withdrawn.reason.startswith("its newest evaluation failed: ")
    assert isinstance(proposed, e.PromotionProposed)
    assert (await world.promotion(newest)).state == "withdrawn"
    assert (await world.promotion(before)).state == "proposed"


async def test_one_that_waits_for_git_waits_on_and_is_proposed_once(world: World) -> None:
    world.forge.person_pushes(WHERE, "main", {FILE: b"kind: ConfigMap\n"}, "Ben B")
    request = await world.requested(await passer(world))
    wider = await changed(world, "full", "propose")
    for told in (request, wider):
        with pytest.raises(NotYet):
            await world.react("propose", told)
    world.forge.person_pushes(WHERE, "main", {FILE: MANIFEST}, "Ben B")
    assert len(await world.react("propose", wider)) == 1
    assert await world.react("propose", request) == []
    assert len(await world.forge.list_open(WHERE)) == 1


async def test_what_was_not_asked_for_is_asked_for_when_the_mode_allows_more(world: World) -> None:
    version = await passer(world)
    wider = await changed(world, "full", "observe")
    [anew] = await world.ask("renew", wider)
    assert isinstance(anew, e.PromotionRequested)
    assert (anew.version, anew.head.cause) == (version, wider.head.id)
    assert anew.evaluation_id is not None
    await world.tell(anew)
    assert await world.ask("renew", wider) == []


async def test_what_passed_an_older_policy_is_judged_by_today_s_first(world: World) -> None:
    version, _ = await world.registered()
    await world.judged(version)
    [wish] = await world.ask("renew", await changed(world, "full", "observe"))
    assert isinstance(wish, e.EvaluationRequested)
    assert (wish.version, wish.reason) == (version, "the policy changed since it passed")


async def test_what_serves_there_already_is_not_asked_for(world: World) -> None:
    await world.serves(await passer(world))
    assert await world.ask("renew", await changed(world, "full", "observe")) == []


async def test_a_mode_that_allows_less_asks_for_nothing(world: World) -> None:
    await passer(world)
    narrower = await changed(world, "observe", "full")
    for name in ("renew", "mark", "vouch", "merge", "withdraw", "confirm", "propose"):
        with pytest.raises(AssertionError):  # no lane: no row of work is made of it
            await world.ask(name, narrower)


async def test_marks_status_comment_merge_and_close_catch_up(world: World) -> None:
    world.mode = "propose"
    first, second = await passer(world, "run-1"), await passer(world, "run-2")
    served = await world.proposed(first)
    await world.merged(served)
    await world.of(e.RolloutStarted, served, slot=served.slot, uri=served.uri)
    event = await world.proposed(second)
    yes = await world.approval(event, ANA)
    with pytest.raises(Suppressed):
        await world.ask("merge", yes)
    wider = await changed(world, "full", "propose")
    for name in ("withdraw", "vouch", "merge", "confirm", "mark"):
        await world.react(name, wider)
    assert (await world.status(event.proposal.head_sha)).state == "success"
    assert (await world.pull(event)).state == "merged"
    assert (await world.pull(served)).state == "open", "merged by hand in this story"
    assert await world.forge.comment(WHERE, served.proposal.number)
    assert ("stage", "Production") in world.our_marks


async def test_a_close_that_the_mode_did_not_allow_is_made_up_for(world: World) -> None:
    version = await passer(world)
    event = await world.proposed(version)
    world.mode = "observe"
    failed = await world.judged(version, "failed")
    with pytest.raises(Suppressed):
        await world.ask("withdraw", failed)
    await world.ask("withdraw", await changed(world, "propose", "observe"))
    pull = await world.pull(event)
    assert pull.state == "closed"
    assert pull.end_reason.startswith("withdrawn: its evaluation failed: ")
