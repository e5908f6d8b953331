"""Nothing stays open for ever: not a proposal, and not a request that cannot be proposed."""

from datetime import timedelta

import pytest

from processor import events as e
from processor.errors import NotYet, Terminal
from processor.values.about import About
from processor.values.deadline import Deadline, proposal_key
from processor.values.promotion import promotion_id_of
from tests.handlers.world import FILE, WHERE, World, a_target
from tests.make import a_policy


async def expired(world: World, promotion_id: str) -> e.DeadlinePassed:
    """Let a promotion's time be over, and be told."""
    row = await world.ledger.views.get(Deadline, proposal_key(promotion_id))
    assert row is not None
    await world.clock.jump(max((row.due - world.clock.now()).total_seconds(), 0))
    kind = e.DeadlinePassed
    event = kind(
        head=world.head(kind, About.of(row.version, row.target) if row.version else About("main")),
        deadline=row.key,
        what="proposal",
        event_id=row.event_id,
        due=row.due,
        version=row.version,
        target=row.target,
        promotion_id=promotion_id,
        slot=row.slot,
    )
    await world.tell(event)
    return event


@pytest.mark.parametrize(
    ("approval", "days"),
    [
        ({"people": ["ana", "ben"], "merge": "sluice", "expires": "3d"}, 3),
        ({"people": ["ana"]}, 14),
        ("automatic", 14),
    ],
)
async def test_a_proposal_says_until_when_it_may_stay_open(
    world: World, approval: object, days: int
) -> None:
    world.rule(a_policy(targets=[a_target("production", approval=approval)]))
    version, _ = await world.registered()
    request = await world.requested(version)
    await world.clock.jump(5 * 86400)
    [event] = await world.react("propose", request)
    assert isinstance(event, e.PromotionProposed)
    assert event.expires is not None
    opened = world.clock.now() - timedelta(seconds=1)  # telling it took a second
    assert event.expires == opened + timedelta(days=days), "from when it was opened"
    row = await world.ledger.views.get(Deadline, proposal_key(event.promotion_id))
    assert row is not None
    assert (row.due, row.passed) == (event.expires, False)


async def test_an_undecided_proposal_is_closed_as_expired(world: World) -> None:
    version, _ = await world.registered()
    event = await world.proposed(version)
    over = await expired(world, event.promotion_id)
    assert await world.ask("withdraw", over) == []
    assert await world.ask("withdraw", over) == []
    assert await world.ask("propose", over) == [], "the forge says its end"
    pull = await world.pull(event)
    assert pull.end_reason == "expired: nobody decided by 2026-01-15 00:00 UTC"
    assert [one for one in world.our_writes if one.startswith("close")] == ["close #1"]


async def test_a_merged_one_is_left_alone(world: World) -> None:
    version, _ = await world.registered()
    event = await world.proposed(version)
    over = await expired(world, event.promotion_id)
    await world.merged(event)
    before = world.our_writes
    assert await world.ask("withdraw", over) == []
    assert world.our_writes == before


async def test_a_request_that_cannot_be_proposed_expires(world: World) -> None:
    world.forge.person_pushes(WHERE, "main", {FILE: b"kind: ConfigMap\n"}, "Ben B")
    version, _ = await world.registered()
    request = await world.requested(version)
    with pytest.raises(NotYet) as waits:
        await world.react("propose", request)
    assert waits.value.until > 14 * 86400, "the row does not die before the request expires"
    over = await expired(world, promotion_id_of(request.head.id))
    [event] = await world.react("propose", over)
    assert isinstance(event, e.PromotionExpired)
    assert event.reason == "it could not be proposed for 14 days"
    assert (await world.promotion(request)).state == "expired"
    assert await world.react("propose", request) == []


async def test_a_request_whose_row_died_ends_with_its_version(world: World) -> None:
    elsewhere = {"forge": "acme", "repository": "acme/gitops"}
    world.rule(a_policy(targets=[a_target("production", slot=elsewhere)]))
    version, _ = await world.registered()
    request = await world.requested(version)
    with pytest.raises(Terminal):
        await world.react("propose", request)
    [event] = await world.react("propose", await world.deleted(version))
    assert isinstance(event, e.PromotionWithdrawn)
    assert (await world.promotion(request)).state == "withdrawn"


async def test_what_an_interrupted_turn_opened_is_closed_as_expired(world: World) -> None:
    version, _ = await world.registered()
    request = await world.requested(version)
    [lost] = await world.ask("propose", request)
    assert isinstance(lost, e.PromotionProposed)
    [event] = await world.react("propose", await expired(world, lost.promotion_id))
    assert isinstance(event, e.PromotionExpired)
    assert (await world.pull(lost)).end_reason == "expired: it could not be proposed for 14 days"


async def test_a_second_wish_for_what_is_open_is_joined(world: World) -> None:
    version, _ = await world.registered()
    event = await world.proposed(version)
    [joined] = await world.react("propose", await world.requested(version))
    assert isinstance(joined, e.PromotionWithdrawn)
    assert joined.reason == "#1 asks for the same already"
    assert (await world.pull(event)).state == "open"
