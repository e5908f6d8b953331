"""Every stuck state is named, with what it waits for, who can act, and what to type."""

from datetime import timedelta

import pytest

from processor import events as e
from processor.errors import Refused
from processor.policy.mode import Mode
from processor.policy.policy import Policies, Policy
from processor.rules.holds import in_words
from processor.values.about import About
from processor.values.hold import Hold, hold_key
from processor.views.waiting import Waiting
from processor.views.why_not import why_not
from tests.views.world import ANA, BO, HEAD, TINA, World, policy, switches_in


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
    cases: tuple[tuple[Mode, str], ...] = (("propose", "mode_propose"), ("full", "being_merged"))
    for mode, state in cases:
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


async def test_what_met_a_hold_is_held_and_asked_anew_at_its_end() -> None:
    world = World()
    version = world.registered()
    world.judged(version)
    promotion = world.requested(version)
    on = switches_in(world)
    await on.hold(ANA, version.key, "production", "audit", "1")
    hold = await world.known.views.get(Hold, hold_key(version.key, "production"))
    assert hold is not None
    world.ended(e.PromotionWithdrawn, promotion, version, reason=in_words(hold))
    one = await only(world)
    assert (one.state, one.command) == ("held", "sluice release fraud --target production")
    assert "audit" in one.waits_for
    await on.release(BO, version.key, "production", "", "2")
    assert (await only(world)).state == "being_requested"
    world.row("dead", "renew", "broken")
    one = await only(world)
    assert (one.state, one.command) == ("dead_work", "sluice dead retry 9")
    assert one.link == "/#dead"


async def test_a_hold_is_told_before_anybody_has_asked_too() -> None:
    world = World()
    version = world.registered()
    world.judged(version)
    await switches_in(world).hold(ANA, version.key, "production", "audit", "1")
    assert (await only(world)).state == "held"


async def test_a_pause_is_told_beside_what_people_owe_and_instead_of_what_sluice_owes() -> None:
    world = World()
    version = world.registered()
    world.judged(version)
    world.proposed(version, by=BO)
    await switches_in(world).pause(ANA, "", "moving", "1")
    one = await only(world)
    assert one.state == "awaiting_approval"
    assert one.details[-1] == "all writes are paused by ana: moving"
    other = World()
    version = other.registered()
    await switches_in(other).pause(ANA, "", "moving", "1")
    assert (await only(other)).state == "being_judged"  # judging writes nothing outside


async def test_another_versions_dead_row_is_not_in_the_way() -> None:
    world = World()
    world.registered()
    world.row("dead", "evaluate", "no such gate")
    world.registered(number="2")
    assert (await only(world, number="2")).state == "being_judged"
    assert (await only(world, number="1")).state == "dead_work"


async def test_who_registers_decides_who_can_act() -> None:
    about = About("main", "default", "fraud")
    cases: list[tuple[str, Mode, str, tuple[str, ...]]] = [
        ("please", "full", "not_registered", ("sluice",)),
        ("done", "full", "not_registered", ("the pipeline",)),
        ("done", "observe", "not_registered", ("the pipeline",)),
        ("please", "observe", "mode_observe", ("whoever runs Sluice", "the pipeline")),
        ("please", "propose", "mode_propose", ("whoever runs Sluice", "the pipeline")),
    ]
    for registration, mode, state, who in cases:
        world = World(mode=mode)
        head = e.TrainingCompleted.heading(about, "x")
        fields = {"run_id": "r", "model": "fraud", "registration": registration}
        world.tell(e.TrainingCompleted.model_validate({"head": head, **fields}))
        one = await only(world)
        assert (one.state, one.who) == (state, who), (registration, mode)


async def test_what_the_gates_owe_again_is_not_hidden_behind_a_given_yes() -> None:
    world = World()
    champion, version = world.registered(), world.registered(number="2")
    world.judged(version)
    promotion, slot = world.proposed(version), world.slot("fraud")
    world.ended(e.ApprovalGiven, promotion, version, actor=ANA, slot=slot, head_sha=HEAD)
    assert (await only(world)).state == "being_merged"
    world.judged(champion)
    world.serving(champion)
    one = await only(world)
    assert one.state == "awaiting_verdict"
    assert one.details[0] == "it was compared with nothing, but v1 serves now: judged again soon"
