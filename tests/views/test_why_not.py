"""Every stuck state is named, with what it waits for, who can act, and what to type."""

from datetime import timedelta

import pytest

from processor import events as e
from processor.errors import Refused
from processor.policy.policy import Policies, Policy
from processor.values.about import About
from processor.views.waiting import Waiting
from processor.views.why_not import why_not
from tests.views.world import ANA, BO, TINA, World, policy


async def only(world: World, model: str = "fraud", number: str | None = None) -> Waiting:
    (one,) = (await why_not(world.known, model, number)).targets
    assert one.state
    assert one.waits_for
    return one


async def test_a_model_nobody_heard_of() -> None:
    one = await only(World(), "nobody")
    assert one.state == "unknown_model"
    assert one.command.startswith("sluice emit training-completed")


async def test_training_is_done_and_the_registry_is_down() -> None:
    world = World()
    about = About("main", "default", "fraud")
    head = e.TrainingCompleted.heading(about, "x")
    world.tell(e.TrainingCompleted(head=head, run_id="r", model="fraud", registration="please"))
    assert (await only(world)).state == "not_registered"
    world.report("registry", "connection refused")
    one = await only(world)
    assert one.state == "registry_down"
    assert "connection refused" in one.waits_for


async def test_no_policy_rules_the_model() -> None:
    world = World(policies=Policies((policy("churn-*"),)))
    world.registered()
    assert (await only(world)).state == "no_policy"


async def test_gates_failed_names_the_shortfall() -> None:
    world = World()
    world.judged(world.registered(), "failed")
    one = await only(world)
    assert one.state == "gates_failed"
    assert one.details == ("accuracy 0.85 is below 0.9",)
    assert one.command == "sluice evaluate fraud 1"


async def test_the_run_goes_on() -> None:
    world = World()
    world.registered()
    world.row("waiting", "evaluate", "run run1 is RUNNING, not FINISHED")
    one = await only(world)
    assert one.state == "waiting"
    assert "RUNNING" in one.waits_for


async def test_another_system_has_to_answer() -> None:
    world = World()
    version = world.registered()
    world.tell(
        e.EvaluationStarted(
            head=e.EvaluationStarted.heading(About.of(version), "s"),
            version=version,
            policy_digest="d",
            results=(),
            pending=("scan.completed",),
            due=world.clock.now(),
        )
    )
    one = await only(world)
    assert one.state == "gates_pending"
    assert one.who == ("scan.completed",)


async def test_nobody_can_say_whether_it_passes() -> None:
    world = World()
    world.judged(world.registered(), "inconclusive")
    one = await only(world)
    assert one.state == "gates_inconclusive"
    assert one.command == "sluice request fraud@1 --target production"


async def test_a_dead_row_is_the_obstacle() -> None:
    world = World()
    world.registered()
    world.row("dead", "evaluate", "the policy has no such gate")
    one = await only(world)
    assert one.state == "dead_work"
    assert "the policy has no such gate" in one.waits_for


async def test_an_open_proposal_waits_for_those_who_may_and_not_for_its_own_people() -> None:
    world = World()
    version = world.registered()
    world.judged(version)
    promotion = world.proposed(version, by=BO)
    one = await only(world)
    assert one.state == "awaiting_approval"
    assert one.who == (ANA.name,)  # bo asked for it, tina trained it
    assert one.command == "sluice approve fraud@1 --target production"
    assert one.link == f"/promotions/{promotion}"
    assert TINA.name not in one.who


async def test_observe_mode_proposes_nothing() -> None:
    world = World(mode="observe")
    version = world.registered()
    world.judged(version)
    world.requested(version)
    assert (await only(world)).state == "mode_observe"


async def test_the_forge_is_down_while_it_should_propose() -> None:
    world = World()
    version = world.registered()
    world.judged(version)
    world.requested(version)
    assert (await only(world)).state == "being_proposed"
    world.report("forge acme", "timeout")
    assert (await only(world)).state == "forge_down"
    world.report("forge acme")
    world.row("dead", "announce", "not in the way")
    assert (await only(world)).state == "being_proposed"
    world.row("dead", "propose", "no such file")
    assert (await only(world)).state == "dead_work"


async def test_approved_by_policy_and_merged_by_a_person_or_us() -> None:
    automatic: Policy = policy(approval="automatic")
    for mode, state in (("propose", "mode_propose"), ("full", "being_merged")):
        world = World(policies=Policies((automatic,)), mode=mode)
        version = world.registered()
        world.judged(version)
        world.proposed(version)
        assert (await only(world)).state == state
    by_person = policy(approval={"people": ["ana"], "merge": "person"})
    world = World(policies=Policies((by_person,)))
    version = world.registered()
    world.judged(version)
    promotion = world.proposed(version)
    head = "a" * 40
    slot = world.slot("fraud")
    world.ended(e.ApprovalGiven, promotion, version, actor=ANA, slot=slot, head_sha=head)
    one = await only(world)
    assert (one.state, one.link) == ("awaiting_merge", "https://git/7")


@pytest.mark.parametrize(
    ("kind", "data", "state", "command"),
    [
        (
            e.PromotionRejected,
            {"by": ANA, "reason": "too slow"},
            "rejected",
            "sluice request fraud@1 --target production",
        ),
        (e.PromotionWithdrawn, {"reason": "gone"}, "withdrawn", "sluice evaluate fraud 1"),
        (
            e.PromotionSuperseded,
            {"reason": "by v2"},
            "superseded",
            "sluice request fraud@1 --target production",
        ),
    ],
)
async def test_a_promotion_that_ended_says_why_and_how_to_ask_again(
    kind: type[e.Event], data: dict[str, object], state: str, command: str
) -> None:
    world = World()
    version = world.registered()
    world.judged(version)
    world.ended(kind, world.proposed(version), version, **data)
    one = await only(world)
    assert (one.state, one.command) == (state, command)
    assert str(data["reason"]) in one.waits_for


async def test_merged_and_not_serving_until_its_deadline_and_after() -> None:
    world = World()
    version = world.registered()
    world.judged(version)
    promotion = world.approved(version)
    assert (await only(world)).state == "rolling_out"
    await world.clock.jump(timedelta(hours=2).total_seconds())
    assert (await only(world)).state == "rollout_overdue"
    slot = world.slot("fraud")
    failed = {"slot": slot, "uri": "s3://models/1", "reason": "image pull"}
    world.ended(e.RolloutFailed, promotion, version, **failed)
    one = await only(world)
    assert one.state == "rollout_failed"
    assert "image pull" in one.waits_for


async def test_it_serves_already() -> None:
    world = World()
    version = world.registered()
    world.judged(version)
    world.serving(version)
    assert (await only(world)).state == "serving"


async def test_a_version_that_is_not_there_is_404_and_names_are_quoted_for_the_shell() -> None:
    world = World()
    world.judged(world.registered("my model; rm -rf"), "failed")
    with pytest.raises(Refused, match="the newest is 1"):
        await why_not(world.known, "my model; rm -rf", "9")
    one = await only(world, "my model; rm -rf")
    assert one.command == "sluice evaluate 'my model; rm -rf' 1"
