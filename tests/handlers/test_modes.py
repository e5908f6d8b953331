"""What the mode forbids is recorded and not done."""

import pytest

from processor import events as e
from processor.errors import Suppressed
from processor.testing.samples import SAMPLES
from tests.handlers.world import ANA, World


async def test_observe_writes_nothing_outside_and_records_what_it_would_have(world: World) -> None:
    version, event = await world.registered()
    world.mode = "observe"
    passed, request = await world.react("evaluate", event)
    assert isinstance(passed, e.EvaluationPassed)
    for name, told in (("mark", passed), ("propose", request)):
        for _ in range(2):
            with pytest.raises(Suppressed, match="mode observe does not allow"):
                await world.react(name, told)
    assert world.our_writes == []
    assert world.our_marks == []
    assert (await world.ledger.counts.summary()).effects == {"suppressed": 2}
    assert (await world.promotion(request)).state == "requested"  # type: ignore[arg-type]
    assert version.number == "1"


async def test_observe_closes_comments_and_vouches_nothing(world: World) -> None:
    version, _ = await world.registered()
    await world.judged(version)
    event = await world.proposed(version)
    started = await world.of(e.RolloutStarted, event, slot=event.slot, uri=event.uri)
    failed = await world.judged(version, "failed")
    before = world.our_writes
    world.mode = "observe"
    for name, told in (("vouch", event), ("confirm", started), ("withdraw", failed)):
        with pytest.raises(Suppressed):
            await world.react(name, told)
    assert world.our_writes == before


async def test_propose_opens_and_vouches_but_neither_merges_nor_marks(world: World) -> None:
    world.mode = "propose"
    version, _ = await world.registered()
    passed = await world.judged(version)
    event = await world.proposed(version)
    yes = await world.approval(event, ANA)
    assert await world.react("vouch", yes) == []
    for name, told in (("merge", yes), ("mark", passed)):
        with pytest.raises(Suppressed, match="mode propose does not allow"):
            await world.react(name, told)
    assert (await world.pull(event)).state == "open"
    assert world.our_marks == []


@pytest.mark.parametrize("mode", ["observe", "propose", "full"])
async def test_people_are_told_in_every_mode(world: World, mode: str) -> None:
    world.mode = mode  # type: ignore[assignment]
    await world.ask("announce", SAMPLES[0])
    assert len(world.channel.told) == 1


async def test_what_was_suppressed_is_asked_anew_and_not_made_behind_anybody_s_back(
    world: World,
) -> None:
    version, _ = await world.registered()
    request = await world.requested(version)
    world.mode = "observe"
    with pytest.raises(Suppressed):
        await world.react("propose", request)
    world.mode = "propose"
    with pytest.raises(Suppressed, match="while the mode did not allow it"):
        await world.react("propose", request)
    assert world.our_writes == []
    anew = await world.requested(version)
    event, old = await world.react("propose", anew)
    assert isinstance(event, e.PromotionProposed)
    assert isinstance(old, e.PromotionSuperseded), "what was left behind ends with it"
    assert (await world.promotion(request)).state == "superseded"
