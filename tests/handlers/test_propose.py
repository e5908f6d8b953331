"""One pull request per promotion, with exactly the listed scalars changed."""

import pytest

from processor import events as e
from processor.errors import NotYet, Retryable, Terminal, Unavailable
from processor.values.about import About
from processor.values.principal import SLUICE, UNKNOWN
from tests.handlers.world import ANA, FILE, MANIFEST, WHERE, World, a_target
from tests.make import a_policy

EDITS = {
    "file": "apps/production/{model}.yaml",
    "set": {
        "spec.predictor.model.storageUri": "{uri}",
        "metadata.annotations.trained-by": "{run} of {model} v{version}",
    },
}


async def test_it_opens_with_exactly_the_listed_scalars_changed(world: World) -> None:
    world.rule(a_policy(targets=[a_target("production", edits=[EDITS])]))
    version, _ = await world.registered(run="run-7")
    await world.judged(version)
    event = await world.proposed(version, by=ANA)
    pull = await world.pull(event)
    text = await world.forge.read(WHERE, pull.head_sha, FILE)
    assert text == MANIFEST.replace(b'"s3://models/none"', b'"s3://models/run-7/model"').replace(
        b"nobody    #", b'"run-7 of fraud v1"    #'
    )
    assert await world.main() == MANIFEST
    changed = await world.forge.diff(WHERE, pull.number)
    assert changed.count("\n+") - changed.count("\n+++") == 2
    assert (event.uri, event.proposal) == ("s3://models/run-7/model", pull.ref)
    assert (pull.promotion_id, pull.author) == (event.promotion_id, SLUICE)
    assert pull.title == "Promote fraud v1 to production"
    row = await world.promotion(event)
    assert (row.state, row.proposal) == ("proposed", pull.ref)


async def test_a_second_turn_finds_its_own(world: World) -> None:
    version, _ = await world.registered()
    request = await world.requested(version)
    first = await world.ask("propose", request)
    before = world.our_writes
    assert await world.ask("propose", request) == first
    assert world.our_writes == before
    await world.tell(*first)
    assert await world.ask("propose", request) == [], "it is told already"


async def test_an_answer_that_got_lost_opens_no_second_one(world: World) -> None:
    version, _ = await world.registered()
    request = await world.requested(version)
    world.forge.answer_lost = True
    with pytest.raises(Unavailable):
        await world.react("propose", request)
    [event] = await world.react("propose", request)
    assert isinstance(event, e.PromotionProposed)
    assert len(await world.forge.list_open(WHERE)) == 1


async def test_a_late_request_opens_no_second_one(world: World) -> None:
    version, _ = await world.registered()
    request = await world.requested(version)
    world.forge.open_late = True
    with pytest.raises(Unavailable):
        await world.react("propose", request)
    with pytest.raises(Retryable, match="an earlier request got no answer"):
        await world.react("propose", request)
    await world.clock.jump(61)
    [event] = await world.react("propose", request)
    world.forge.arrive()
    found = await world.forge.list_open(WHERE)
    assert [one.number for one in found] == [event.proposal.number]  # type: ignore[attr-defined]


async def test_a_newer_promotion_closes_the_older_as_superseded(world: World) -> None:
    first, _ = await world.registered(run="run-1")
    second, _ = await world.registered(run="run-2")
    old = await world.proposed(first)
    new = await world.proposed(second)
    closed, open_ = await world.pull(old), await world.pull(new)
    assert (closed.state, closed.ended_by) == ("closed", SLUICE)
    assert closed.end_reason == f"superseded: #{open_.number} for fraud v2"
    assert open_.state == "open"
    assert (await world.promotion(old)).state == "proposed", "sources/proposals says the end"


async def test_a_missing_file_is_waited_for_by_name(world: World) -> None:
    world.rule(a_policy(targets=[a_target("staging")]))
    version, _ = await world.registered()
    request = await world.requested(version, "staging")
    with pytest.raises(NotYet, match=r"apps/staging/fraud.yaml is not on main of acme/gitops"):
        await world.react("propose", request)
    assert world.our_writes == []
    world.forge.person_pushes(WHERE, "main", {"apps/staging/fraud.yaml": MANIFEST}, "Ben B")
    [event] = await world.react("propose", request)
    assert isinstance(event, e.PromotionProposed), "nobody had to type anything"


async def test_a_file_without_the_object_is_waited_for_by_name(world: World) -> None:
    world.forge.person_pushes(WHERE, "main", {FILE: b"kind: ConfigMap\n"}, "Ben B")
    version, _ = await world.registered()
    with pytest.raises(NotYet, match=r"on main of acme/gitops, apps/production/fraud.yaml: "):
        await world.react("propose", await world.requested(version))


async def test_one_that_waited_while_a_newer_was_proposed_is_superseded(world: World) -> None:
    first, _ = await world.registered(run="run-1")
    second, _ = await world.registered(run="run-2")
    waited = await world.requested(first)
    await world.clock.jump(1)
    newer, event = await world.react("propose", await world.requested(second))
    assert isinstance(newer, e.PromotionProposed)
    assert isinstance(event, e.PromotionSuperseded)
    assert event.reason == "by fraud v2, asked for later"
    assert (await world.promotion(waited)).state == "superseded"
    assert await world.react("propose", waited) == []
    assert (await world.pull(newer)).state == "open"


async def test_an_older_version_judged_late_does_not_take_a_newer_ones_place(
    world: World,
) -> None:
    first, seen = await world.registered(run="run-1")
    second, _ = await world.registered(run="run-2")
    newer = await world.proposed(second)
    [verdict] = await world.ask("evaluate", seen)
    assert isinstance(verdict, e.EvaluationPassed), "and nobody asks for it"
    [ended] = await world.react("propose", await world.requested(first))
    assert isinstance(ended, e.PromotionSuperseded)
    assert ended.reason == "by fraud v2, which is newer"
    assert (await world.pull(newer)).state == "open"
    assert (await world.proposed(first, by=ANA)).version == first, "a person may go back"


async def test_a_version_deleted_meanwhile_is_withdrawn(world: World) -> None:
    version, _ = await world.registered()
    request = await world.requested(version)
    await world.deleted(version)
    [event] = await world.react("propose", request)
    assert isinstance(event, e.PromotionWithdrawn)
    assert event.reason == "the version was deleted before it was proposed"
    assert (await world.promotion(request)).state == "withdrawn"
    assert world.our_writes == []


async def test_what_an_interrupted_turn_opened_is_closed_when_the_version_is_gone(
    world: World,
) -> None:
    version, _ = await world.registered()
    request = await world.requested(version)
    [lost] = await world.ask("propose", request)
    assert isinstance(lost, e.PromotionProposed)
    await world.deleted(version)
    [event] = await world.react("propose", request)
    assert isinstance(event, e.PromotionWithdrawn)
    assert (await world.pull(lost)).state == "closed"


@pytest.mark.parametrize("merged", [True, False])
async def test_another_models_slot_is_refused_by_name(world: World, merged: bool) -> None:  # noqa: FBT001
    shared = {**EDITS, "file": FILE, "object": {"name": "fraud"}}
    world.rule(a_policy(models="*", targets=[a_target("production", edits=[shared])]))
    first, _ = await world.registered("fraud", "run-1")
    other, _ = await world.registered("churn", "run-2")
    theirs = await world.proposed(first)
    if merged:
        await world.merged(theirs)
    with pytest.raises(Terminal, match=r"is the slot of .*fraud.*; .*churn.* needs one"):
        await world.react("propose", await world.requested(other))
    assert (await world.pull(theirs)).state == "open"
    assert len(await world.forge.list_open(WHERE)) == 1


async def test_nothing_is_proposed_that_main_names_already(world: World) -> None:
    version, _ = await world.registered()
    named = MANIFEST.replace(b"s3://models/none", b"s3://models/run-1/model")
    world.forge.person_pushes(WHERE, "main", {FILE: named}, "Ben B")
    request = await world.requested(version)
    [event] = await world.react("propose", request)
    assert isinstance(event, e.PromotionWithdrawn)
    assert event.reason == "main of acme/gitops already names fraud v1"
    assert (await world.promotion(request)).state == "withdrawn"
    assert world.our_writes == []


async def test_a_version_deleted_a_moment_ago_is_waited_for_until_that_is_told(
    world: World,
) -> None:
    version, _ = await world.registered()
    request = await world.requested(version)
    world.registry.delete_version("default", version.model, version.number)
    with pytest.raises(NotYet, match="not in the registry any more"):
        await world.react("propose", request)
    assert world.our_writes == []
    kind = e.VersionDeleted
    await world.tell(kind(head=world.head(kind, About.of(version), UNKNOWN), version=version))
    [event] = await world.react("propose", request)
    assert isinstance(event, e.PromotionWithdrawn)


async def test_a_target_the_policy_no_longer_has_is_given_up_by_name(world: World) -> None:
    version, _ = await world.registered()
    request = await world.requested(version)
    world.rule(a_policy(targets=[a_target("staging")]))
    with pytest.raises(Terminal, match="the policy of 'fraud' has no target 'production' now"):
        await world.react("propose", request)


async def test_a_forge_nobody_configured_is_given_up_by_name(world: World) -> None:
    elsewhere = {"forge": "acme", "repository": "acme/gitops"}
    world.rule(a_policy(targets=[a_target("production", slot=elsewhere)]))
    version, _ = await world.registered()
    with pytest.raises(Terminal, match="no forge 'acme' under `forges:`"):
        await world.react("propose", await world.requested(version))


async def test_a_forge_that_is_down_is_not_the_rows_fault(world: World) -> None:
    version, _ = await world.registered()
    request = await world.requested(version)
    world.forge.down = True
    with pytest.raises(Unavailable) as outage:
        await world.react("propose", request)
    assert not outage.value.blames
    world.forge.down = False
    assert len(await world.react("propose", request)) == 1
