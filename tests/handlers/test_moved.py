"""A target that gets another slot between request and proposal: asked for anew, in its new slot."""

from dataclasses import replace
from typing import Any

import pytest

from processor import events as e
from processor.sources.proposals import ProposalsSource
from processor.values.about import About
from processor.values.promotion import promotion_id_of
from processor.values.slot import Repository
from tests.handlers.test_holds import passer
from tests.handlers.test_modes_change import changed, suppressed
from tests.handlers.world import ANA, BEN, FILE, MANIFEST, WHERE, World, a_target
from tests.make import a_policy

OTHER = Repository("local", "acme/other", "main")
SLOTS: dict[str, dict[str, Any]] = {
    "repository": {"slot": {"forge": "local", "repository": "acme/other"}},
    "file": {
        "edits": [
            {
                "file": "apps/live/{model}.yaml",
                "set": {"spec.predictor.model.storageUri": "{uri}"},
            }
        ]
    },
    "path": {"edits": [{"file": FILE, "set": {"metadata.annotations.serves": "{uri}"}}]},
}
WITH_BOTH = MANIFEST.replace(
    b"    trained-by: nobody", b"    serves: nothing\n    trained-by: nobody"
)


def move(world: World, how: str = "repository") -> None:
    """Put the policy right while nobody looks; both places have what they need in Git."""
    world.rule(a_policy(targets=[a_target("production", **SLOTS[how])]))


@pytest.fixture
async def place(world: World) -> World:
    world.forge.create_repository(OTHER, {FILE: MANIFEST})
    world.forge.create_repository(
        WHERE, {FILE: WITH_BOTH, "apps/live/fraud.yaml": MANIFEST, "README.md": b"by hand\n"}
    )
    return world


async def opened(world: World, where: Repository) -> list[int]:
    return [one.number for one in await world.forge.list_open(where)]


async def asked_anew(world: World, event: e.Event) -> e.PromotionRequested:
    """Let propose have its turn at an event, and return what it asks for in place of the old."""
    withdrawn, anew = await world.react("propose", event)
    assert isinstance(withdrawn, e.PromotionWithdrawn)
    assert isinstance(anew, e.PromotionRequested)
    return anew


@pytest.mark.parametrize("how", SLOTS)
async def test_it_is_withdrawn_and_proposed_where_the_policy_says_now(
    place: World, how: str
) -> None:
    request = await suppressed(place, await passer(place), by=BEN)
    asked = await place.promotion(request)
    move(place, how)
    anew = await asked_anew(place, await changed(place, "full", "observe"))
    ended = await place.promotion(request)
    assert ended.state == "withdrawn"
    assert ended.reason.startswith("its target is ")
    [event] = await place.react("propose", anew)
    assert isinstance(event, e.PromotionProposed)
    row = await place.promotion(event)
    assert row.slot == event.slot == anew.slot != request.slot
    assert (row.requested_by, row.requested_at) == (BEN, asked.requested_at)
    assert (row.restores, row.evaluation_id) == (False, anew.evaluation_id)
    assert anew.reason == (asked.reason or "its target moved before it could be proposed")
    everywhere = [*await opened(place, WHERE), *await opened(place, OTHER)]
    assert everywhere == [event.proposal.number], "one pull request"
    assert await opened(place, row.slot.where) == everywhere, "where everybody looks for it"


async def test_everybody_after_propose_finds_it_there(place: World) -> None:
    request = await suppressed(place, await passer(place))
    move(place)
    anew = await asked_anew(place, await changed(place, "full", "observe"))
    [event] = await place.react("propose", anew)
    assert isinstance(event, e.PromotionProposed)
    await place.react("vouch", event)
    [status] = await place.forge.statuses(OTHER, event.proposal.head_sha)
    assert status.state == "pending"
    await place.react("merge", await place.approval(event, ANA))
    await _source(place).look()
    assert (await place.promotion(event)).state == "approved"
    assert (await place.promotion(request)).state == "withdrawn"


def _source(world: World) -> ProposalsSource:
    return ProposalsSource(
        forges={"local": world.forge},
        policies=lambda: world.policies,
        people=world.needs.people,
        log=world.ledger.log,
        views=world.ledger.views,
    )


async def test_control_a_target_that_stands_is_proposed_as_the_promotion_it_is(
    place: World,
) -> None:
    request = await suppressed(place, await passer(place), by=BEN)
    place.rule(a_policy(targets=[a_target("production", approval="automatic")]))
    [event] = await place.react("propose", await changed(place, "full", "observe"))
    assert isinstance(event, e.PromotionProposed)
    assert (await place.promotion(request)).id == event.promotion_id


async def test_two_events_ask_for_it_once(place: World) -> None:
    request = await suppressed(place, await passer(place))
    move(place)
    wider = await changed(place, "full", "observe")
    first, second = await place.ask("propose", wider), await place.ask("propose", request)
    assert [one.head.id for one in first] == [one.head.id for one in second]
    await place.tell(*first, *second)
    anew = first[1]
    assert len(await place.react("propose", anew)) == 1
    for late in (wider, request, anew):
        assert await place.react("propose", late) == []
    assert await place.ask("renew", wider) == [], "it is open there"
    assert await opened(place, OTHER) == [1]


async def test_what_an_interrupted_turn_opened_in_the_old_place_is_closed_there(
    place: World,
) -> None:
    request = await place.requested(await passer(place))
    [lost] = await place.ask("propose", request)
    assert isinstance(lost, e.PromotionProposed)
    move(place)
    anew = await asked_anew(place, request)
    [event] = await place.react("propose", anew)
    assert isinstance(event, e.PromotionProposed)
    pull = await place.forge.get(WHERE, lost.proposal.number)
    assert pull.state == "closed"
    assert pull.end_reason.startswith("withdrawn: its target is ")
    assert await opened(place, OTHER) == [event.proposal.number]


async def test_a_target_that_moves_back_again_is_asked_for_where_it_began(place: World) -> None:
    ruled = place.policies
    request = await suppressed(place, await passer(place))
    move(place)
    there = await asked_anew(place, await changed(place, "full", "observe"))
    place.policies = ruled
    back = await asked_anew(place, there)
    assert back.slot == request.slot
    assert len({one.head.id for one in (request, there, back)}) == 3
    assert len(await place.react("propose", back)) == 1
    assert (await opened(place, WHERE), await opened(place, OTHER)) == ([1], [])


async def test_the_newest_goes_on_and_the_one_before_ends_with_it(place: World) -> None:
    old = await suppressed(place, await passer(place, "run-1"))
    await suppressed(place, await passer(place, "run-2"))
    move(place)
    wider = await changed(place, "full", "observe")
    _, newest, _, before = await place.react("propose", wider)
    assert isinstance(newest, e.PromotionRequested)
    assert isinstance(before, e.PromotionRequested)
    assert (newest.version.number, before.version.number) == ("2", "1")
    proposed, superseded = await place.react("propose", newest)
    assert isinstance(proposed, e.PromotionProposed)
    assert isinstance(superseded, e.PromotionSuperseded)
    assert await place.react("propose", before) == []
    assert (await place.promotion(old)).state == "withdrawn"
    assert await opened(place, OTHER) == [proposed.proposal.number]


async def test_what_came_after_the_move_is_the_later_of_the_two(place: World) -> None:
    first, second = await passer(place, "run-1"), await passer(place, "run-2")
    before = await suppressed(place, first, by=BEN)
    move(place)
    later = await place.requested(second)
    wider = await changed(place, "full", "observe")
    proposed, ended = await place.react("propose", wider)
    assert isinstance(proposed, e.PromotionProposed)
    assert proposed.version == later.version
    assert isinstance(ended, e.PromotionSuperseded)
    assert (await place.promotion(before)).state == "superseded"
    assert await opened(place, OTHER) == [proposed.proposal.number]


async def test_asked_anew_it_is_no_later_than_it_was(place: World) -> None:
    first, second = await passer(place, "run-1"), await passer(place, "run-2")
    before = await suppressed(place, first, by=BEN)
    move(place)
    later = await place.requested(second)
    anew = await asked_anew(place, before)
    place.mode = "full"
    proposed, ended = await place.react("propose", later)
    assert isinstance(proposed, e.PromotionProposed)
    assert isinstance(ended, e.PromotionSuperseded)
    assert await place.react("propose", anew) == []
    assert await opened(place, OTHER) == [proposed.proposal.number]


async def test_what_was_open_in_the_old_place_is_closed_there_by_what_is_newer(
    place: World,
) -> None:
    first, second = await passer(place, "run-1"), await passer(place, "run-2")
    old = await place.proposed(first)
    move(place)
    new = await place.proposed(second)
    closed = await place.forge.get(WHERE, old.proposal.number)
    assert (closed.state, closed.end_reason) == (
        "closed",
        f"superseded: #{new.proposal.number} for fraud v2",
    )
    await _source(place).look()
    assert (await place.promotion(old)).state == "superseded"
    assert await opened(place, OTHER) == [new.proposal.number]


async def test_the_same_version_open_in_the_old_place_does_not_count_as_asked_for(
    place: World,
) -> None:
    version = await passer(place)
    old = await place.proposed(version)
    move(place)
    new = await place.proposed(version, by=ANA)
    assert (await place.forge.get(WHERE, old.proposal.number)).state == "closed"
    assert await opened(place, OTHER) == [new.proposal.number]


async def test_an_old_place_on_a_forge_that_is_gone_keeps_nothing_back(place: World) -> None:
    first, second = await passer(place, "run-1"), await passer(place, "run-2")
    waits = await suppressed(place, first)
    place.mode = "full"
    old = await place.proposed(first, by=ANA)
    away = replace(waits.slot, forge="acme")
    about = About.of(first, "production")
    asked = waits.model_copy(
        update={"slot": away, "head": place.head(e.PromotionRequested, about, BEN)}
    )
    told = old.model_copy(
        update={
            "slot": away,
            "promotion_id": promotion_id_of(asked.head.id),
            "head": place.head(e.PromotionProposed, about),
        }
    )
    await place.tell(asked, told)
    assert (await place.promotion(asked)).state == "proposed"
    new = await place.proposed(second)
    assert await opened(place, WHERE) == [new.proposal.number]
