"""What no longer holds is closed with its reason; what changed is judged again."""

from processor import events as e
from processor.values.principal import SLUICE
from tests.handlers.world import WHERE, World


async def test_a_deleted_version_s_proposal_is_closed(world: World) -> None:
    version, _ = await world.registered()
    await world.judged(version)
    event = await world.proposed(version)
    gone = await world.deleted(version)
    assert await world.ask("withdraw", gone) == []
    assert await world.ask("withdraw", gone) == []
    pull = await world.pull(event)
    assert (pull.state, pull.ended_by) == ("closed", SLUICE)
    assert pull.end_reason == "withdrawn: the version was deleted"
    assert [one for one in world.our_writes if one.startswith("close")] == ["close #1"]


async def test_a_failed_evaluation_closes_it_with_the_shortfall(world: World) -> None:
    version, _ = await world.registered()
    event = await world.proposed(version)
    failed = await world.judged(version, "failed")
    assert await world.ask("withdraw", failed) == []
    pull = await world.pull(event)
    assert pull.end_reason == (
        "withdrawn: its evaluation failed: accuracy is 0.5, wanted at least 0.9"
    )


async def test_a_way_back_is_not_withdrawn_for_its_gates(world: World) -> None:
    version, _ = await world.registered()
    event = await world.proposed(version, restores=True)
    await world.ask("withdraw", await world.judged(version, "failed"))
    assert (await world.pull(event)).state == "open"


async def test_only_the_versions_own_proposals_are_closed(world: World) -> None:
    version, _ = await world.registered(run="run-1")
    other, _ = await world.registered(run="run-2")
    event = await world.proposed(version)
    assert await world.ask("withdraw", await world.judged(other, "failed")) == []
    assert await world.ask("withdraw", await world.deleted(other)) == []
    assert (await world.pull(event)).state == "open"


async def test_what_serves_changed_so_it_is_judged_again(world: World) -> None:
    champion, _ = await world.registered(run="run-1")
    version, _ = await world.registered(run="run-2")
    await world.judged(version)
    await world.proposed(version)
    changed = await world.serves(champion)
    [wish] = await world.ask("withdraw", changed)
    assert isinstance(wish, e.EvaluationRequested)
    assert (wish.version, wish.head.cause) == (version, changed.head.id)
    assert wish.reason == "what serves changed since it was compared"
    assert await world.ask("withdraw", changed) == [wish]
    assert (await world.forge.get(WHERE, 1)).state == "open"


async def test_what_is_proposed_after_what_serves_had_changed_is_judged_again(
    world: World,
) -> None:
    champion, _ = await world.registered(run="run-1")
    version, _ = await world.registered(run="run-2")
    await world.judged(version)
    await world.serves(champion)  # as while it soaked elsewhere: nothing was open then
    event = await world.proposed(version)
    [wish] = await world.ask("withdraw", event)
    assert isinstance(wish, e.EvaluationRequested)
    assert (wish.version, wish.head.cause) == (version, event.head.id)
    await world.judged(version, champion=champion)
    assert await world.ask("withdraw", event) == []


async def test_nothing_is_judged_again_beside_the_champion_it_was_compared_with(
    world: World,
) -> None:
    champion, _ = await world.registered(run="run-1")
    version, _ = await world.registered(run="run-2")
    await world.judged(version, champion=champion)
    await world.proposed(version)
    assert await world.ask("withdraw", await world.serves(champion)) == []
    assert await world.ask("withdraw", await world.serves(version)) == []
    assert await world.ask("withdraw", await world.serves(None)) == []


async def test_a_promotion_that_has_ended_is_left_alone(world: World) -> None:
    champion, _ = await world.registered(run="run-1")
    version, _ = await world.registered(run="run-2")
    await world.judged(version)
    event = await world.proposed(version)
    await world.merged(event)
    before = world.our_writes
    assert await world.ask("withdraw", await world.judged(version, "failed")) == []
    assert await world.ask("withdraw", await world.serves(champion)) == []
    assert world.our_writes == before
