"""The six audit questions, for now and for any date."""

from datetime import timedelta

import pytest

from processor.errors import Refused
from processor.views.as_of import moment
from processor.views.why import why
from tests.views.world import BO, START, World


async def test_the_six_answers_name_version_metrics_time_data_people_and_the_one_before() -> None:
    world = World()
    one, two = world.registered(), world.registered(number="2")
    world.judged(one)
    world.serving(one)
    world.judged(two, champion=one)
    promotion = world.serving(two)
    found = await why(world.known, "fraud")
    answers = found.answers
    assert answers.serves.startswith("fraud v2 serves at production since 2026-01-01")
    assert answers.accuracy == "accuracy 0.95, auc 0.97"
    assert answers.trained == "2026-01-01 00:00:00 UTC, in run run2, by tina-ml (claimed)"
    assert answers.data == "digits (digest abc123, training)"
    assert answers.approved.startswith("ana at 2026-01-01")
    assert "merged by sluice as cccc" in answers.approved
    assert answers.compared == "beside fraud v1: accuracy 0.91 -> 0.95 (+0.04)"
    assert (found.version, found.run_id, found.promotion) == ("2", "run2", promotion)
    assert [yes.by for yes in found.approvals] == ["ana"]


async def test_a_date_answers_as_it_was_then() -> None:
    world = World()
    one, two = world.registered(), world.registered(number="2")
    world.judged(one)
    assert (await why(world.known, "fraud")).answers.serves == "nothing serves"
    world.serving(one)
    then = world.happened[-1].at
    world.judged(two, champion=one)
    world.serving(two)
    assert (await why(world.known, "fraud", at=then)).version == "1"
    assert (await why(world.known, "fraud")).version == "2"
    before = await why(world.known, "fraud", at=START - timedelta(days=1))
    assert (before.version, before.answers.approved) == (None, "nothing serves")


async def test_what_serves_without_approval_is_said_to() -> None:
    world = World()
    one = world.registered()
    world.judged(one)
    world.serving(one, approved=False)
    found = await why(world.known, "fraud")
    assert found.answers.approved == "nobody: it serves without an approved promotion"
    assert not found.approved


async def test_only_approvals_that_counted_at_the_merge_are_answered() -> None:
    world = World()
    one = world.registered()
    world.judged(one)
    world.serving(one)
    found = await why(world.known, "fraud")
    assert BO.name not in found.answers.approved


async def test_a_version_nobody_judged_is_not_made_up() -> None:
    world = World()
    world.serving(world.registered())
    found = await why(world.known, "fraud")
    assert found.answers.accuracy == "not known: Sluice never judged this version"


async def test_unknown_names_are_404_with_the_nearest() -> None:
    world = World()
    world.registered()
    with pytest.raises(Refused, match="did you mean fraud") as caught:
        await why(world.known, "frad")
    assert caught.value.status == 404
    with pytest.raises(Refused, match="it has production"):
        await why(world.known, "fraud", target="staging")


def test_a_date_means_its_end_and_garbage_is_400() -> None:
    assert moment("2026-04-01").hour == 23
    assert moment("2026-04-01T12:00Z").isoformat() == "2026-04-01T12:00:00+00:00"
    assert moment("2026-04-01T12:00").tzinfo is not None
    with pytest.raises(Refused):
        moment("yesterday")
