"""The next target is asked for once a version has served its soak, and by nothing else."""

from datetime import timedelta
from typing import Any

import pytest

from processor import events as e
from processor.rules.slots import slot_of
from processor.values.about import About
from processor.values.deadline import Deadline, soak_key
from processor.values.serving import Soak
from processor.values.version import Version
from tests.handlers.test_holds import held, passer, released
from tests.handlers.world import MANIFEST, WHERE, World, a_target
from tests.make import a_policy

KEY = "main/default/fraud"
SOAK = soak_key(KEY, "staging", "production")


@pytest.fixture(autouse=True)
def two_targets(world: World) -> None:
    after = {"target": "staging", "soak": "1h"}
    world.rule(a_policy(targets=[a_target("staging"), a_target("production", after=after)]))
    world.forge.person_pushes(WHERE, "main", {"apps/staging/fraud.yaml": MANIFEST}, "Ben B")


async def serves(world: World, version: Version | None, *, approved: bool = True) -> None:
    """Let something serve at staging from now on, as the source would say it."""
    [policy] = world.policies.all
    soaks = approved and version is not None
    due = world.clock.now() + timedelta(hours=1) if soaks else None
    kind = e.ServingChanged
    await world.tell(
        kind(
            head=world.head(kind, About("main", "default", "fraud", target="staging")),
            target="staging",
            slot=slot_of(policy.targets[0], "fraud"),
            uri=f"s3://{version.number}" if version else None,
            version=version,
            approved=approved,
            soaks=(Soak("production", due),),
        )
    )


async def soaked(world: World, *, told: bool = True) -> e.DeadlinePassed:
    """Return the end of the soak that stands; tell the ledger."""
    row = await world.ledger.views.get(Deadline, SOAK)
    assert row is not None
    await world.clock.jump(3600)
    kind = e.DeadlinePassed
    event = kind(
        head=world.head(kind, About.of(row.version, "production") if row.version else About("m")),
        deadline=row.key,
        what="soak",
        event_id=row.event_id,
        due=row.due,
        version=row.version,
        target=row.target,
    )
    if told:
        await world.tell(event)
    return event


async def test_what_served_its_soak_is_asked_for_at_the_next_target(world: World) -> None:
    version = await passer(world)
    await serves(world, version)
    end = await soaked(world)
    [event] = await world.ask("advance", end)
    assert isinstance(event, e.PromotionRequested)
    assert (event.version, event.target, event.head.cause) == (version, "production", end.head.id)
    assert event.slot.file == "apps/production/fraud.yaml"
    assert await world.ask("advance", end) == [event]
    await world.tell(event)
    assert await world.ask("advance", end) == []


@pytest.mark.parametrize("then", ["nothing", "another", "unapproved"])
async def test_a_break_ends_the_soak(world: World, then: str) -> None:
    version, other = await passer(world, "run-1"), await passer(world, "run-2")
    await serves(world, version)
    end = await soaked(world)
    now = {"nothing": None, "another": other, "unapproved": version}[then]
    await serves(world, now, approved=then != "unapproved")
    assert await world.ask("advance", end) == []


@pytest.mark.parametrize("verdict", ["failed", "inconclusive"])
async def test_what_does_not_pass_any_more_stays_where_it_is(world: World, verdict: Any) -> None:
    version = await passer(world)
    await serves(world, version)
    end = await soaked(world)
    await world.judged(version, verdict)
    assert await world.ask("advance", end) == []


async def test_one_that_was_being_judged_goes_on_when_it_passes(world: World) -> None:
    version = await passer(world)
    await serves(world, version)
    await world.judged(version, "inconclusive")
    assert await world.ask("advance", await soaked(world)) == []
    [event] = await world.ask("advance", await world.judged(version))
    assert event.target == "production"  # type: ignore[attr-defined]


async def test_a_pass_before_the_soak_is_over_asks_for_nothing(world: World) -> None:
    version = await passer(world)
    await serves(world, version)
    assert await world.ask("advance", await world.judged(version)) == []


async def test_what_a_person_refused_there_is_not_asked_for_again(world: World) -> None:
    version = await passer(world)
    event = await world.proposed(version)
    await world.of(e.PromotionRejected, event, by=event.head.actor, reason="no")
    await serves(world, version)
    assert await world.ask("advance", await soaked(world)) == []


async def test_a_held_target_is_asked_for_anew_when_it_is_free(world: World) -> None:
    version = await passer(world)
    await held(world)
    await serves(world, version)
    [request] = await world.react("advance", await soaked(world))
    [closed] = await world.react("propose", request)
    assert isinstance(closed, e.PromotionWithdrawn)
    [anew] = await world.ask("renew", await released(world))
    assert (anew.version, anew.target) == (version, "production")  # type: ignore[attr-defined]


async def test_a_soak_that_broke_during_the_hold_is_not_asked_for_at_its_end(world: World) -> None:
    version = await passer(world)
    await held(world)
    await serves(world, version)
    [request] = await world.react("advance", await soaked(world))
    await world.react("propose", request)
    await serves(world, None)
    assert await world.ask("renew", await released(world)) == []
