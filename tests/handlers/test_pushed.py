"""Somebody pushes to a proposed branch: the promotion goes on, with the new head approved."""

import pytest

from processor import events as e
from processor.commands.approve import Approve
from processor.errors import Refused
from processor.sources.proposals import ProposalsSource
from processor.values.principal import claimed
from processor.values.proposal import ScalarEdit
from tests.handlers.world import ANA, BEN, FILE, WHERE, World, a_target
from tests.make import a_policy

URI = "spec.predictor.model.storageUri"


async def looked(world: World) -> list[e.Event]:
    """Let the source look; return all that was told of the model."""
    source = ProposalsSource(
        forges={"local": world.forge},
        policies=lambda: world.policies,
        people=world.needs.people,
        log=world.ledger.log,
        views=world.ledger.views,
    )
    assert await source.look() == {"forge local": ""}
    found = await world.ledger.log.of_key("main/default/fraud")
    return [one.event for one in found]


def approve_in(world: World) -> Approve:
    return Approve(
        views=world.ledger.views,
        log=world.ledger.log,
        policies=world.policies,
        people=world.needs.people,
    )


async def test_the_new_head_is_approved_vouched_for_and_merged(world: World) -> None:
    version, _ = await world.registered()
    await world.judged(version)
    event = await world.proposed(version)
    new = world.forge.person_pushes(WHERE, event.proposal.branch, {"README.md": b"x\n"}, "Ben B")
    with pytest.raises(Refused, match="The head moved"):
        await approve_in(world)(ANA, event.promotion_id, new, "early")
    update = (await looked(world))[-1]
    assert isinstance(update, e.PromotionUpdated)
    assert (update.proposal.head_sha, update.committers) == (new, (claimed("Ben B"),))
    for name in ("vouch", "merge"):
        assert await world.ask(name, update) == []
    said = await world.status(new)
    assert said.description == "1 approval missing; can be given by ana"
    with pytest.raises(Refused, match="ben is the committer") as refused:
        await approve_in(world)(BEN, event.promotion_id, new, "theirs")
    assert refused.value.status == 403
    await approve_in(world)(ANA, event.promotion_id, new, "ours")
    yes = (await world.ledger.log.of_key(version.key))[-1].event
    assert isinstance(yes, e.ApprovalGiven)
    assert await world.ask("merge", yes) == []
    end = (await looked(world))[-1]
    assert isinstance(end, e.PromotionApproved)
    assert end.approvals == (ANA,)


async def test_automatic_waits_for_a_person_once_somebody_pushed(world: World) -> None:
    world.rule(a_policy(targets=[a_target("production", approval="automatic")]))
    version, _ = await world.registered()
    await world.judged(version)
    event = await world.proposed(version)
    new = world.forge.person_pushes(WHERE, event.proposal.branch, {"README.md": b"x\n"}, "Eve")
    update = (await looked(world))[-1]
    for name in ("vouch", "merge"):
        assert await world.ask(name, update) == []
    assert (await world.pull(event)).state == "open"
    said = await world.status(new)
    assert said.state == "pending"
    assert said.description.startswith(f"the head moved to {new}"), "told or not"
    assert (await world.promotion(event)).opened_head == event.proposal.head_sha


async def test_what_is_proposed_is_told_as_it_was_found_in_git(world: World) -> None:
    version, _ = await world.registered()
    request = await world.requested(version)
    [lost] = await world.ask("propose", request)
    world.rule(a_policy(owner="#somebody-else"))
    [event] = await world.react("propose", request)
    assert event == lost
    assert isinstance(event, e.PromotionProposed)
    edit = ScalarEdit(
        FILE, "InferenceService/fraud", URI, "s3://models/none", "s3://models/run-1/model"
    )
    assert event.edits == (edit,)
    assert (await world.promotion(event)).edits == (edit,)
