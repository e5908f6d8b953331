"""Wishes are granted once, or refused with the reason."""

import pytest

from processor import events as e
from processor.commands.approve import Approve
from processor.commands.evaluate import Evaluate
from processor.commands.reject import Reject
from processor.commands.request import Request
from processor.errors import Refused
from processor.policy.policy import Policies
from processor.values.principal import Principal, claimed
from processor.values.record import VersionRecord
from processor.values.version import Version
from tests.views.world import ANA, BO, HEAD, TINA, World, policy


def approve_in(world: World) -> Approve:
    known = world.known
    return Approve(views=known.views, log=world, policies=known.policies, people=known.people)


def reject_in(world: World) -> Reject:
    known = world.known
    return Reject(
        views=known.views,
        proposals=world,  # type: ignore[arg-type]  # of the door only `close` is asked
        policies=known.policies,
        people=known.people,
    )


def proposed(by: Principal = BO) -> tuple[World, str, Version]:
    world = World()
    version = world.registered()
    world.judged(version)
    return world, world.proposed(version, by=by), version


async def refused(status: int, wish: object) -> Refused:
    with pytest.raises(Refused) as caught:
        await wish  # type: ignore[misc]
    assert caught.value.status == status, caught.value
    return caught.value


async def test_a_yes_is_kept_with_who_and_which_head() -> None:
    world, promotion, _ = proposed()
    granted = await approve_in(world)(ANA, promotion, HEAD, "key")
    event = world.happened[-1].event
    assert isinstance(event, e.ApprovalGiven)
    assert (event.head.actor, event.head_sha, event.promotion_id) == (ANA, HEAD, promotion)
    assert granted.event_id == event.head.id


async def test_the_same_key_is_the_same_answer_even_after_the_merge() -> None:
    world, promotion, version = proposed()
    first = await approve_in(world)(ANA, promotion, HEAD, "key")
    world.ended(
        e.PromotionApproved,
        promotion,
        version,
        slot=world.slot("fraud"),
        uri="s3://models/1",
        merge_sha="c" * 40,
        merged_by=ANA,
        approvals=(ANA,),
    )
    count = len(world.happened)
    assert await approve_in(world)(ANA, promotion, HEAD, "key") == first
    assert len(world.happened) == count


async def test_a_key_of_somebody_else_is_not_swallowed() -> None:
    world, promotion, _ = proposed(by=Principal("sluice", "authenticated"))
    await approve_in(world)(ANA, promotion, HEAD, "key")
    count = len(world.happened)
    await refused(422, approve_in(world)(BO, promotion, HEAD, "key"))
    assert len(world.happened) == count


@pytest.mark.parametrize(
    ("who", "status", "said"),
    [
        (BO, 403, "bo is the requester of this change"),
        (TINA, 403, "tina is the trainer of this change"),
        (Principal("eve", "authenticated"), 403, "not among the approvers"),
        (claimed("ana"), 401, "not signed in"),
    ],
)
async def test_nobody_approves_their_own_nor_without_a_name(
    who: Principal, status: int, said: str
) -> None:
    world, promotion, _ = proposed()
    count = len(world.happened)
    refusal = await refused(status, approve_in(world)(who, promotion, HEAD, "key"))
    assert said in refusal.detail
    assert len(world.happened) == count


async def test_a_moved_head_a_closed_promotion_and_an_unknown_one_are_refused() -> None:
    world, promotion, version = proposed()
    refusal = await refused(409, approve_in(world)(ANA, promotion, "f" * 40, "key"))
    assert refusal.title == "The head moved"
    await refused(404, approve_in(world)(ANA, "none", HEAD, "key"))
    world.ended(e.PromotionWithdrawn, promotion, version, reason="gone")
    refusal = await refused(409, approve_in(world)(ANA, promotion, HEAD, "key"))
    assert "withdrawn (gone)" in refusal.detail


async def test_after_a_push_the_new_head_is_approved_and_not_by_its_committer() -> None:
    world, promotion, version = proposed()
    new = "f" * 40
    world.pushed(promotion, version, new, claimed("Ana A"))
    await refused(409, approve_in(world)(ANA, promotion, HEAD, "key"))
    refusal = await refused(403, approve_in(world)(ANA, promotion, new, "key"))
    assert "ana is the committer of this change" in refusal.detail
    world.pushed(promotion, version, "d" * 40, claimed("Eve E"))
    granted = await approve_in(world)(ANA, promotion, "d" * 40, "key")
    assert granted.what == "approved"


@pytest.mark.parametrize("key", ["", "x" * 201, "b\u00e9", "a\nb"])
async def test_a_key_is_needed_and_plain(key: str) -> None:
    world, promotion, _ = proposed()
    count = len(world.happened)
    await refused(400, approve_in(world)(ANA, promotion, HEAD, key))
    assert len(world.happened) == count


async def test_a_no_closes_with_its_reason_and_says_nothing_itself() -> None:
    world, promotion, _ = proposed()
    count = len(world.happened)
    await reject_in(world)(BO, promotion, " too slow ", "key")  # the requester may say no
    ((where, number, reason, by, _),) = world.closed
    assert (where.name, number, reason, by) == ("acme/gitops", 7, "too slow", BO)
    assert len(world.happened) == count


async def test_a_no_needs_a_reason_somebody_able_and_something_open() -> None:
    world, promotion, version = proposed()
    await refused(400, reject_in(world)(ANA, promotion, " ", "key"))
    await refused(403, reject_in(world)(Principal("eve", "authenticated"), promotion, "x", "key"))
    await refused(401, reject_in(world)(claimed("ana"), promotion, "x", "key"))
    world.ended(e.PromotionWithdrawn, promotion, version, reason="gone")
    await refused(409, reject_in(world)(ANA, promotion, "x", "key"))
    assert world.closed == []


async def test_a_no_to_what_was_rejected_before_is_granted_once() -> None:
    world, promotion, version = proposed()
    world.ended(e.PromotionRejected, promotion, version, by=ANA, reason="no")
    assert (await reject_in(world)(ANA, promotion, "x", "key")).what == "rejected"
    assert world.closed == []


async def record_of(world: World, version: Version) -> VersionRecord:
    record = await world.known.views.get(VersionRecord, version.path)
    assert record is not None
    return record


async def test_asking_for_a_verdict_needs_a_policy() -> None:
    world = World()
    version = world.registered()
    record = await record_of(world, version)
    wish = Evaluate(log=world, policies=world.policies)
    granted = await wish(ANA, record, "new data", "key")
    assert await wish(ANA, record, "new data", "key") == granted
    assert isinstance(world.happened[-1].event, e.EvaluationRequested)
    unruled = Evaluate(log=world, policies=Policies((policy("x"),)))
    await refused(409, unruled(ANA, record, "", "other"))


async def test_asking_for_a_promotion_needs_gates_that_did_not_fail() -> None:
    world = World()
    version = world.registered()
    wish = Request(log=world, policies=world.policies, people=world.known.people)
    await refused(409, wish(ANA, await record_of(world, version), "production", "", "key"))
    world.judged(version, "failed")
    refusal = await refused(
        409, wish(ANA, await record_of(world, version), "production", "", "key")
    )
    assert "accuracy 0.85 is below 0.9" in refusal.detail
    world.judged(version, "inconclusive")
    record = await record_of(world, version)
    await refused(404, wish(ANA, record, "nowhere", "", "key"))
    await refused(403, wish(Principal("eve", "authenticated"), record, "production", "", "key"))
    granted = await wish(ANA, record, "production", "", "key")
    assert granted.promotion_id
    event = world.happened[-1].event
    assert isinstance(event, e.PromotionRequested)
    assert event.head.actor == ANA
