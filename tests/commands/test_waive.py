"""A waiver is given once, by somebody who could approve, for a gate there is, until a moment."""

from datetime import timedelta

import pytest

from processor import events as e
from processor.commands.waive import Waive
from processor.policy.policy import Policies
from processor.values.principal import Principal, claimed
from processor.values.version import Version
from tests.commands.test_commands import record_of, refused
from tests.views.world import ANA, BO, TINA, World, policy

GATE = "accuracy >= 0.9"


def waive_in(world: World) -> Waive:
    known = world.known
    return Waive(
        views=known.views,
        log=world,
        clock=world.clock,
        policies=world.policies,
        people=known.people,
    )


def failing() -> tuple[World, Version]:
    world = World()
    version = world.registered()
    world.judged(version, "failed")
    return world, version


async def test_a_waiver_is_kept_with_who_why_and_until_when() -> None:
    world, version = failing()
    until = world.clock.now() + timedelta(days=7)
    wish = waive_in(world)
    granted = await wish(ANA, await record_of(world, version), GATE, until, " new scanner ", "key")
    event = world.happened[-1].event
    assert isinstance(event, e.WaiverGiven)
    assert (event.head.actor, event.gate, event.until) == (ANA, GATE, until)
    assert event.reason == "new scanner"
    record = await record_of(world, version)
    assert [one.gate for one in record.waivers] == [GATE]
    count = len(world.happened)
    assert await wish(ANA, record, GATE, until, "new scanner", "key") == granted
    assert len(world.happened) == count
    await refused(422, wish(ANA, record, GATE, until, "another", "key"))


@pytest.mark.parametrize(
    ("who", "status", "said"),
    [
        (Principal("eve", "authenticated"), 403, "not among the approvers"),
        (TINA, 403, "tina is the trainer of this change"),
        (claimed("ana"), 401, "not signed in"),
    ],
)
async def test_whoever_could_not_approve_may_not_waive(
    who: Principal, status: int, said: str
) -> None:
    world, version = failing()
    count = len(world.happened)
    until = world.clock.now() + timedelta(days=7)
    refusal = await refused(
        status, waive_in(world)(who, await record_of(world, version), GATE, until, "x", "key")
    )
    assert said in refusal.detail
    assert len(world.happened) == count


async def test_whoever_asked_for_it_may_not_waive() -> None:
    world, version = failing()
    world.judged(version)
    world.proposed(version, by=BO)
    record = await record_of(world, version)
    until = world.clock.now() + timedelta(days=7)
    refusal = await refused(403, waive_in(world)(BO, record, GATE, until, "x", "key"))
    assert "bo is the requester" in refusal.detail
    await waive_in(world)(ANA, record, GATE, until, "x", "key")


async def test_where_nobody_is_asked_anyone_known_may_but_the_trainer() -> None:
    world = World(policies=Policies((policy(approval="automatic"),)))
    version = world.registered()
    world.judged(version, "failed")
    record = await record_of(world, version)
    until = world.clock.now() + timedelta(days=7)
    wish = waive_in(world)
    await refused(403, wish(Principal("eve", "authenticated"), record, GATE, until, "x", "key"))
    await refused(403, wish(TINA, record, GATE, until, "x", "key"))
    assert (await wish(BO, record, GATE, until, "x", "key")).what == "waived"


async def test_a_gate_nobody_wrote_is_refused_naming_those_there_are() -> None:
    world, version = failing()
    record = await record_of(world, version)
    until = world.clock.now() + timedelta(days=7)
    wish = waive_in(world)
    for gate in ("accuracy", "", "training run FINISHED and not deleted"):
        refusal = await refused(404, wish(ANA, record, gate, until, "x", "key"))
        assert refusal.detail.endswith("it has accuracy >= 0.9")


async def test_a_reason_a_time_to_come_a_key_and_a_policy_are_needed() -> None:
    world, version = failing()
    record = await record_of(world, version)
    now = world.clock.now()
    until = now + timedelta(days=7)
    wish = waive_in(world)
    await refused(400, wish(ANA, record, GATE, until, " ", "key"))
    await refused(400, wish(ANA, record, GATE, until, "x", ""))
    refusal = await refused(400, wish(ANA, record, GATE, now, "x", "key"))
    assert refusal.title == "Over already"
    world.policies = Policies((policy("x"),))
    await refused(409, waive_in(world)(ANA, record, GATE, until, "x", "key"))
