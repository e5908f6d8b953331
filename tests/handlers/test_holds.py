"""A hold keeps a target as it is; proposals wait for its end, and a way back goes on."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from processor import events as e
from processor.values.about import About
from processor.values.deadline import Deadline
from processor.values.hold import Hold, hold_key
from processor.values.version import Version
from tests.handlers.world import ANA, BEN, World, a_target
from tests.make import a_policy

MODEL = About("main", "default", "fraud")
KEY = "main/default/fraud"


async def held(
    world: World, target: str = "production", until: datetime | None = None
) -> e.TargetHeld:
    kind = e.TargetHeld
    event = kind(head=world.head(kind, MODEL, ANA), target=target, reason="freeze", until=until)
    await world.tell(event)
    return event


async def released(world: World, target: str = "production") -> e.TargetReleased:
    kind = e.TargetReleased
    event = kind(head=world.head(kind, MODEL, ANA), target=target, reason="over")
    await world.tell(event)
    return event


async def over(world: World, hold: e.TargetHeld) -> e.DeadlinePassed:
    """Let a hold's own end come, and be told."""
    key = f"hold:{hold_key(KEY, hold.target)}"
    row = await world.ledger.views.get(Deadline, key)
    assert row is not None
    kind = e.DeadlinePassed
    event = kind(
        head=world.head(kind, MODEL),
        deadline=key,
        what="hold",
        event_id=hold.head.id,
        due=row.due,
        version=None,
        target=hold.target,
    )
    await world.tell(event)
    return event


async def passer(world: World, run: str = "run-1") -> Version:
    """Let a version pass the gates of today's policy."""
    _, event = await world.registered(run=run)
    [verdict, *_] = await world.ask("evaluate", event)
    assert isinstance(verdict, e.EvaluationPassed)
    await world.tell(verdict)
    return event.version


async def test_a_request_that_meets_a_hold_is_closed_as_held_and_opens_nothing(
    world: World,
) -> None:
    version, _ = await world.registered()
    await held(world)
    [event] = await world.react("propose", await world.requested(version))
    assert isinstance(event, e.PromotionWithdrawn)
    assert event.reason == "held by ana since 2026-01-01 00:00 UTC: freeze"
    assert world.our_writes == []


async def test_a_hold_of_one_target_is_none_of_another(world: World) -> None:
    version, _ = await world.registered()
    await held(world, "staging")
    assert (await world.proposed(version)).target == "production"


async def test_a_way_back_is_proposed_and_merged_under_a_hold(world: World) -> None:
    version, _ = await world.registered()
    await held(world)
    event = await world.proposed(version, restores=True)
    for name in ("vouch", "merge"):
        await world.ask(name, await world.approval(event, BEN))
    assert (await world.pull(event)).state == "merged"


async def test_an_open_proposal_says_the_hold_and_is_merged_when_it_is_over(world: World) -> None:
    version, _ = await world.registered()
    await world.judged(version)
    event = await world.proposed(version)
    yes = await world.approval(event, BEN)
    hold = await held(world)
    for told in (hold, yes):
        await world.ask("vouch", told)
    await world.ask("merge", yes)
    status = await world.status(event.proposal.head_sha)
    assert status.state == "pending"
    assert status.description == "held by ana since 2026-01-01 00:00 UTC: freeze"
    assert (await world.pull(event)).state == "open"
    free = await released(world)
    for name in ("vouch", "merge"):
        await world.ask(name, free)
    assert (await world.status(event.proposal.head_sha)).state == "success"
    assert (await world.pull(event)).state == "merged"


async def test_a_hold_that_ends_by_itself_frees_the_proposal_too(world: World) -> None:
    version, _ = await world.registered()
    await world.judged(version)
    event = await world.proposed(version)
    await world.approval(event, BEN)
    hold = await held(world, until=world.clock.now() + timedelta(hours=1))
    await world.clock.jump(3600)
    end = await over(world, hold)
    for name in ("vouch", "merge"):
        await world.ask(name, end)
    assert (await world.pull(event)).state == "merged"
    row = await world.ledger.views.get(Hold, hold_key(KEY, "production"))
    assert row is not None
    assert row.ended


@pytest.mark.parametrize("by_itself", [True, False])
async def test_what_met_the_hold_is_asked_anew_in_the_name_of_who_asked(
    world: World,
    by_itself: bool,  # noqa: FBT001
) -> None:
    version = await passer(world)
    hold = await held(world, until=world.clock.now() + timedelta(hours=1) if by_itself else None)
    await world.react("propose", await world.requested(version, by=BEN))
    end: Any = await over(world, hold) if by_itself else await released(world)
    [anew] = await world.ask("renew", end)
    assert isinstance(anew, e.PromotionRequested)
    assert (anew.version, anew.target, anew.head.actor) == (version, "production", BEN)
    assert (anew.head.cause, anew.reason) == (
        end.head.id,
        "it met a hold of production, which is over",
    )
    assert await world.ask("renew", end) == [anew], "the same for every turn"
    await world.tell(anew)
    assert await world.ask("renew", end) == [], "it is on its way"
    [event] = await world.react("propose", anew)
    assert isinstance(event, e.PromotionProposed)
    await world.approval(event, BEN)
    await world.ask("merge", await world.approval(event, BEN))
    assert (await world.pull(event)).state == "open", "nobody approves their own, not even later"


async def test_only_the_newest_of_those_that_met_the_hold_is_asked_anew(world: World) -> None:
    first, second = await passer(world, "run-1"), await passer(world, "run-2")
    await held(world)
    for version in (first, second):
        await world.react("propose", await world.requested(version))
    [anew] = await world.ask("renew", await released(world))
    assert anew.version == second  # type: ignore[attr-defined]


async def test_a_target_that_is_held_again_is_not_asked_for(world: World) -> None:
    version = await passer(world)
    await held(world)
    await world.react("propose", await world.requested(version))
    free = await released(world)
    await held(world)
    assert await world.ask("renew", free) == []


async def test_a_version_that_is_gone_or_fails_now_is_not_asked_anew(world: World) -> None:
    first, second = await passer(world, "run-1"), await passer(world, "run-2")
    await held(world)
    for version in (first, second):
        await world.react("propose", await world.requested(version))
    await world.deleted(second)
    await world.judged(first, "failed")
    assert await world.ask("renew", await released(world)) == []


async def test_after_a_release_what_never_met_the_hold_is_asked_for_too(world: World) -> None:
    version = await passer(world)
    await held(world)
    [anew] = await world.ask("renew", await released(world))
    assert isinstance(anew, e.PromotionRequested)
    assert (anew.version, anew.reason) == (version, "it is the newest that passed its gates")


@pytest.mark.parametrize("end", [e.PromotionRejected, e.PromotionSuperseded])
async def test_what_a_person_refused_or_a_newer_took_over_stays_so(
    world: World, end: type[e.Event]
) -> None:
    event = await world.proposed(await passer(world))
    more: dict[str, Any] = {"by": ANA} if end is e.PromotionRejected else {}
    await world.of(end, event, reason="no", **more)
    assert await world.ask("renew", await released(world)) == []


async def test_an_older_version_never_takes_a_target_back(world: World) -> None:
    await passer(world, "run-1")
    newer = await passer(world, "run-2")
    await world.merged(await world.proposed(newer))
    await world.deleted(newer)
    assert await world.ask("renew", await released(world)) == []


async def test_a_person_s_wish_for_a_later_target_needs_no_soak(world: World) -> None:
    later = a_target("production", after={"target": "staging", "soak": "1h"})
    world.rule(a_policy(targets=[a_target("staging"), later]))
    version = await passer(world)
    await held(world)
    await world.react("propose", await world.requested(version, by=BEN))
    free = await released(world)
    [anew] = await world.ask("renew", free)
    assert (anew.target, anew.head.actor) == ("production", BEN)  # type: ignore[attr-defined]
