"""Board, promotion, versions, active, history and status, over one small story."""

import pytest

from processor.errors import Refused
from processor.events import BY_TYPE, CATALOG
from processor.policy.policy import Policies
from processor.values.principal import claimed
from processor.values.version import Version
from processor.views.active import active
from processor.views.board import board
from processor.views.history import history
from processor.views.promotion import promotion
from processor.views.promotions import promotions
from processor.views.status import status
from processor.views.versions import versions
from processor.views.words import SENTENCES
from tests.views.world import World, policy


def told() -> tuple[World, str]:
    """v1 serves, v2 failed, v3 is proposed."""
    world = World()
    one, two = world.registered(), world.registered(number="2")
    world.judged(one)
    world.serving(one)
    world.judged(two, "failed", one)
    three = world.registered(number="3")
    world.judged(three, champion=one)
    return world, world.proposed(three)


async def test_the_board_shows_newest_promotion_and_what_serves() -> None:
    world, opened = told()
    (row,) = await board(world.known)
    assert (row.newest, row.verdict, row.promoted, row.state) == ("3", "passed", "3", "proposed")
    assert (row.serving, row.approved, row.promotion) == ("1", True, opened)
    assert row.problems == ()


async def test_a_model_without_a_policy_is_on_the_board_and_says_so() -> None:
    world = World(policies=Policies((policy("other"),)))
    world.registered()
    (row,) = await board(world.known)
    assert row.target == ""
    assert "no policy" in row.problems[0]


async def test_two_policies_that_tie_are_told_and_break_nothing() -> None:
    world = World(policies=Policies((policy("*"),)))
    world.proposed(world.registered())
    world.policies = Policies((policy("fr*d"), policy("fra*")))
    (row,) = await board(world.known)
    assert "ruled by both" in row.problems[0]
    (only,) = await promotions(world.known)
    assert only.unmet == ()
    assert len(await versions(world.known, "fraud")) == 1
    with pytest.raises(Refused, match="ruled by both") as caught:
        await active(world.known, "fraud")
    assert caught.value.status == 409


async def test_a_promotion_shows_gates_comparison_change_and_what_is_missing() -> None:
    world, opened = told()
    page = await promotion(world.known, opened)
    assert page.promotion.unmet == ("1 approval missing; can be given by ana, bo",)
    assert page.can_approve == ("ana", "bo")
    assert [(one.path, one.old, one.new) for one in page.changes] == [
        ("spec.uri", "", "s3://fraud v3"),
        ("labels.v", "0", "3"),
    ]
    assert (page.unshown, page.diff) == ("", "")
    world.policies = Policies((policy(edits=[{"file": "b.yaml", "set": {"other": "{uri}"}}]),))
    assert (await promotion(world.known, opened)).changes == page.changes, "not today's policy"
    assert page.comparison is not None
    assert page.gates[0].verdict == "passed"
    with pytest.raises(Refused) as caught:
        await promotion(world.known, "none")
    assert caught.value.status == 404


async def test_what_others_pushed_is_said_and_they_are_not_asked() -> None:
    world, opened = told()
    world.pushed(opened, Version("main", "default", "fraud", "3", 1003), "f" * 40, claimed("Ana A"))
    page = await promotion(world.known, opened)
    assert page.promotion.proposal
    assert page.promotion.proposal.head_sha == "f" * 40
    assert page.promotion.unmet == ("1 approval missing; can be given by bo",)
    assert page.can_approve == ("bo",)
    assert (
        page.unshown == "the branch holds commits by ana (claimed), which these lines do not show"
    )
    assert page.diff == "git diff main...sluice/x"


async def test_promotions_are_filtered_and_the_newest_is_first() -> None:
    world, opened = told()
    assert [one.version for one in await promotions(world.known)] == ["3", "1"]
    (only,) = await promotions(world.known, model="fraud", state="proposed", target="production")
    assert only.id == opened
    assert await promotions(world.known, model="other") == []


async def test_versions_say_verdict_and_shortfalls_newest_first() -> None:
    world, _ = told()
    rows = await versions(world.known, "fraud")
    assert [(one.number, one.verdict) for one in rows] == [
        ("3", "passed"),
        ("2", "failed"),
        ("1", "passed"),
    ]
    assert rows[1].shortfalls == ("accuracy 0.85 is below 0.9",)


async def test_active_says_what_serves_how_stale_and_by_whose_leave() -> None:
    world, _ = told()
    await world.clock.jump(24 * 3600)
    found = await active(world.known, "fraud")
    assert [(one.version, one.run_id, one.share) for one in found.serving] == [("1", "run1", 100)]
    assert found.approved
    assert found.stale_seconds is not None
    assert found.stale_seconds > 80000


async def test_history_tells_every_event_in_order() -> None:
    world, _ = told()
    entries = await history(world.known, "fraud")
    assert [one.pos for one in entries] == list(range(1, len(world.happened) + 1))
    said = [one.text for one in entries]
    assert "fraud v2 failed: accuracy 0.85 is below 0.9" in said
    assert "ana approved fraud v1 at production" in said
    assert "proposal 7 would bring fraud v3 to production" in said


def test_every_kind_of_event_has_a_sentence() -> None:
    assert set(SENTENCES) == {kind.kind for kind in CATALOG}
    assert len(BY_TYPE) == len(SENTENCES)


async def test_status_is_well_until_a_product_is_down_or_a_row_dies() -> None:
    world, _ = told()
    assert (await status(world.known)).well
    world.report("registry", "no answer")
    found = await status(world.known)
    assert not found.well
    assert found.products[0].problem == "no answer"
    world.report("registry")
    world.row("dead", "propose", "no such file")
    assert not (await status(world.known)).well
