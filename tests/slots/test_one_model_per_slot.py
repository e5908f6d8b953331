"""A second model in a slot is refused by name: when it is judged, proposed, and asked about."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from processor import events as e
from processor.errors import Terminal
from processor.policy.policy import Policies, PolicyTie
from processor.views.why_not import why_not
from tests.handlers.world import World, a_target
from tests.make import a_policy
from tests.views.world import World as Story
from tests.views.world import policy

SHARED = {
    "file": "apps/production/fraud.yaml",
    "object": {"name": "fraud"},
    "set": {"spec.predictor.model.storageUri": "{uri}"},
}
ONE_FILE = a_policy(models="f*", targets=[a_target("production", edits=[SHARED])])


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = await World.open(tmp_path)
    made.rule(ONE_FILE)
    yield made
    await made.ledger.close()


async def test_the_second_model_met_is_not_asked_for_and_a_person_is_told_why(world: World) -> None:
    _, first = await world.registered("fraud")
    version, second = await world.registered("fruit", "run-2")
    assert [type(one) for one in await world.react("evaluate", first)] == [
        e.EvaluationPassed,
        e.PromotionRequested,
    ]
    (verdict,) = await world.react("evaluate", second)
    assert isinstance(verdict, e.EvaluationInconclusive)
    (refusal,) = [one for one in verdict.results if one.gate == "one model per slot"]
    assert 'model "fruit" (target production) and model "fraud"' in refusal.reason
    assert "apps/production/fraud.yaml" in refusal.reason
    assert (await world.record(version)).judgement is not None


async def test_a_model_whose_versions_are_all_gone_keeps_no_slot(world: World) -> None:
    gone, _ = await world.registered("fraud")
    await world.deleted(gone)
    _, second = await world.registered("fruit", "run-2")
    assert len(await world.react("evaluate", second)) == 2


async def test_who_serves_in_a_slot_has_it(world: World) -> None:
    theirs, _ = await world.registered("fraud")
    mine, _ = await world.registered("fruit", "run-2")
    await world.serves(theirs)
    with pytest.raises(Terminal) as caught:
        await world.ask("propose", await world.requested(mine))
    for word in ("apps/production/fraud.yaml", 'model "fraud"', 'model "fruit"'):
        assert word in str(caught.value)
    assert world.our_writes == []


async def test_a_request_that_was_refused_does_not_keep_the_tenant_out(world: World) -> None:
    first, _ = await world.registered("fraud")
    other, _ = await world.registered("fruit", "run-2")
    again, _ = await world.registered("fraud", "run-3")
    await world.proposed(first)
    with pytest.raises(Terminal):
        await world.react("propose", await world.requested(other))
    assert (await world.proposed(again)).version == again


async def test_a_tie_of_two_policies_is_final_for_a_handler(world: World) -> None:
    _, seen = await world.registered("fraud-model")
    world.rule(a_policy(models="fraud-*"), a_policy(models="*-model"))
    with pytest.raises(PolicyTie) as caught:
        await world.ask("evaluate", seen)
    assert isinstance(caught.value, Terminal), "so the row is dead and told once"


async def test_why_not_names_the_model_that_has_the_slot() -> None:
    written = policy(
        "fr*", edits=[{"file": "x.yaml", "object": {"name": "x"}, "set": {"spec.uri": "{uri}"}}]
    )
    story = Story(policies=Policies((written,)))
    story.registered("fraud")
    story.judged(story.registered("fruit"), "inconclusive")
    (one,) = (await why_not(story.known, "fruit")).targets
    assert one.state == "slot_taken"
    assert 'model "fraud"' in one.waits_for
    assert "x.yaml" in one.waits_for
    assert (one.who, one.command) == (("whoever writes the policies",), "sluice evaluate fruit 1")
    (first,) = (await why_not(story.known, "fraud")).targets
    assert first.state != "slot_taken"


async def test_why_not_names_both_policies_that_tie() -> None:
    story = Story(policies=Policies((policy("fraud-*"), policy("*-model"))))
    story.registered("fraud-model")
    (one,) = (await why_not(story.known, "fraud-model")).targets
    assert one.state == "policy_tie"
    assert "'fraud-*'" in one.waits_for
    assert "'*-model'" in one.waits_for
