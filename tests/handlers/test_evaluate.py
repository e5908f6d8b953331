"""A version is judged by its policy's gates, and what passed is asked for once."""

from datetime import timedelta
from typing import Any

import pytest

from processor import events as e
from processor.errors import NotYet
from processor.policy.policy import Policy
from processor.rules.gates.awaited import heard
from processor.values.about import About
from processor.values.evaluation import Verdict
from processor.values.principal import UNKNOWN
from processor.values.registry import Run
from processor.values.version import Version
from tests.handlers.world import ANA, World, a_target
from tests.make import a_policy

ACCURATE = {"metric": "accuracy", "better": "higher", "at_least": 0.9}
SCAN = {"event": "scan.completed", "within": "1h"}
BIAS = {"event": "bias.checked", "within": "2h"}


def scanned(*gates: dict[str, Any]) -> Policy:
    return a_policy(gates=[ACCURATE, *(gates or (SCAN,))])


async def finished(
    world: World, started: e.Event, kind: str = "scan.completed", verdict: Verdict = "passed"
) -> e.GateFinished:
    """Let an awaited gate have its answer, as `sources/gates` says it."""
    assert isinstance(started, e.EvaluationStarted)
    gate = next(one for one in world.policies.all[0].awaited if one.event == kind)
    event = e.GateFinished(
        head=e.GateFinished.heading(About.of(started.version), f"{started.head.id}:{kind}"),
        version=started.version,
        evaluation_id=started.head.id,
        event=kind,
        result=heard(gate, "/scanners/a", verdict, ""),
    )
    await world.tell(event)
    return event


async def overdue(world: World, started: e.Event) -> e.DeadlinePassed:
    """Let the gate window pass, as `sources/deadlines` says it."""
    assert isinstance(started, e.EvaluationStarted)
    event = e.DeadlinePassed(
        head=e.DeadlinePassed.heading(About.of(started.version), started.head.id),
        deadline=f"gates:{started.version.path}",
        what="gate window",
        event_id=started.head.id,
        due=started.due,
        version=started.version,
    )
    await world.tell(event)
    return event


async def asked_again(world: World, version: Version) -> e.EvaluationRequested:
    kind = e.EvaluationRequested
    event = kind(head=world.head(kind, About.of(version), ANA), version=version, reason="again")
    await world.tell(event)
    return event


async def test_a_version_that_passes_is_judged_and_its_promotion_asked_for(world: World) -> None:
    version, event = await world.registered(accuracy="0.95", loss="0.1")
    passed, request = await world.ask("evaluate", event)
    assert isinstance(passed, e.EvaluationPassed)
    assert [result.verdict for result in passed.results] == ["passed"]
    assert passed.policy_digest == world.policies.all[0].digest
    assert passed.training.metrics == (("accuracy", "0.95"), ("loss", "0.1"))
    assert (passed.training.trainer.name, passed.training.trainer.assurance) == ("tina", "claimed")
    assert passed.head.cause == event.head.id
    assert isinstance(request, e.PromotionRequested)
    assert (request.version, request.target) == (version, "production")
    assert request.slot.file == "apps/production/fraud.yaml"
    assert (request.evaluation_id, request.head.cause) == (passed.head.id, passed.head.id)


async def test_judging_twice_for_one_cause_says_the_same(world: World) -> None:
    _, event = await world.registered()
    assert await world.ask("evaluate", event) == await world.ask("evaluate", event)


async def test_what_was_asked_for_is_not_asked_for_again(world: World) -> None:
    version, event = await world.registered()
    await world.react("evaluate", event)
    [passed] = await world.react("evaluate", await asked_again(world, version))
    assert isinstance(passed, e.EvaluationPassed)


async def test_a_run_under_way_is_waited_for(world: World) -> None:
    world.registry.start_run("default", "run-1")
    _, event = await world.seen("fraud", "run-1")
    with pytest.raises(NotYet, match="run run-1 is still RUNNING") as early:
        await world.ask("evaluate", event)
    assert early.value.until == 24 * 3600
    await world.clock.jump(7200)
    with pytest.raises(NotYet) as later:
        await world.ask("evaluate", event)
    assert 0.5 <= early.value.after < later.value.after == 30
    world.registry.finish_run("default", "run-1", metrics={"accuracy": "0.95"})
    assert len(await world.ask("evaluate", event)) == 2


@pytest.mark.parametrize("status", ["FAILED", "KILLED"])
async def test_a_run_that_did_not_finish_fails_whatever_it_logged(
    world: World, status: str
) -> None:
    _, event = await world.registered(accuracy="0.99")
    run = await world.registry.run("default", "run-1")
    assert run is not None
    world.registry._runs["default", "run-1"] = Run(**{**run.__dict__, "status": status})
    [failed] = await world.ask("evaluate", event)
    assert isinstance(failed, e.EvaluationFailed)
    assert failed.results[0].reason == f"training run run-1 ended {status}, not FINISHED"
    assert [result.verdict for result in failed.results] == ["failed", "passed"]


async def test_a_deleted_run_and_no_run_fail(world: World) -> None:
    _, event = await world.registered(accuracy="0.99")
    run = await world.registry.run("default", "run-1")
    assert run is not None
    world.registry._runs["default", "run-1"] = Run(**{**run.__dict__, "deleted": True})
    [failed] = await world.ask("evaluate", event)
    assert isinstance(failed, e.EvaluationFailed)
    _, without = await world.seen("fraud", "")
    [none] = await world.ask("evaluate", without)
    assert isinstance(none, e.EvaluationFailed)
    assert "no training run" in none.results[0].reason


async def test_a_version_below_its_bound_is_not_asked_for(world: World) -> None:
    _, event = await world.registered(accuracy="0.8999")
    [failed] = await world.ask("evaluate", event)
    assert isinstance(failed, e.EvaluationFailed)
    assert failed.results[0].reason == "accuracy is 0.8999, wanted at least 0.9"


async def test_it_is_compared_with_what_serves_at_the_default_target(world: World) -> None:
    world.rule(a_policy(gates=[{"metric": "accuracy", "better": "higher", "against": "serving"}]))
    champion, _ = await world.registered(run="run-1", accuracy="0.95")
    await world.serves(champion)
    _, worse = await world.registered(run="run-2", accuracy="0.94")
    [failed] = await world.ask("evaluate", worse)
    assert isinstance(failed, e.EvaluationFailed)
    assert failed.comparison.champion == champion
    assert failed.comparison.rows[0].delta == "-0.01"
    _, better = await world.registered(run="run-3", accuracy="0.96")
    passed, _ = await world.ask("evaluate", better)
    assert isinstance(passed, e.EvaluationPassed)


async def test_an_outage_lowers_no_bar(world: World) -> None:
    world.rule(a_policy(gates=[{"metric": "accuracy", "better": "higher", "against": "serving"}]))
    champion, _ = await world.registered(run="run-1", accuracy="0.95")
    await world.serves(champion)
    await world.serves(None)
    _, worse = await world.registered(run="run-2", accuracy="0.1")
    [failed] = await world.ask("evaluate", worse)
    assert isinstance(failed, e.EvaluationFailed)
    assert failed.comparison.champion == champion


async def test_a_champion_whose_run_is_gone_is_inconclusive(world: World) -> None:
    world.rule(a_policy(gates=[{"metric": "accuracy", "better": "higher", "against": "serving"}]))
    champion, _ = await world.registered(run="run-1", accuracy="0.95")
    await world.serves(champion)
    del world.registry._runs["default", "run-1"]
    _, event = await world.registered(run="run-2", accuracy="0.99")
    [unsure] = await world.ask("evaluate", event)
    assert isinstance(unsure, e.EvaluationInconclusive)


@pytest.mark.parametrize("verdict", ["rejected", "superseded", "failed"])
async def test_what_was_refused_or_overtaken_or_failed_does_not_come_back_by_itself(
    world: World, verdict: str
) -> None:
    version, event = await world.registered()
    _, request = await world.react("evaluate", event)
    [proposed] = await world.react("propose", request)
    assert isinstance(proposed, e.PromotionProposed)
    if verdict == "rejected":
        await world.of(e.PromotionRejected, proposed, by=ANA, reason="no")
    elif verdict == "superseded":
        await world.of(e.PromotionSuperseded, proposed, reason="v2")
    else:
        await world.merged(proposed)
        more = {"slot": proposed.slot, "uri": proposed.uri, "reason": "no answer"}
        await world.of(e.RolloutFailed, proposed, **more)
    assert (await world.promotion(proposed)).state == verdict
    [passed] = await world.react("evaluate", await asked_again(world, version))
    assert isinstance(passed, e.EvaluationPassed)


async def test_what_was_withdrawn_is_asked_for_when_it_passes_again(world: World) -> None:
    version, event = await world.registered()
    _, request = await world.react("evaluate", event)
    [proposed] = await world.react("propose", request)
    assert isinstance(proposed, e.PromotionProposed)
    await world.of(e.PromotionWithdrawn, proposed, reason="its evaluation failed")
    _, again = await world.react("evaluate", await asked_again(world, version))
    assert isinstance(again, e.PromotionRequested)
    assert again.head.id != request.head.id


async def test_a_model_without_policy_and_a_deleted_version_are_nobodys(world: World) -> None:
    _, other = await world.registered(model="unruled")
    assert await world.ask("evaluate", other) == []
    version, event = await world.registered()
    await world.deleted(version)
    assert await world.ask("evaluate", event) == []


async def test_awaited_gates_start_finish_and_lead_to_a_verdict(world: World) -> None:
    world.rule(scanned())
    _, event = await world.registered()
    [started] = await world.react("evaluate", event)
    assert isinstance(started, e.EvaluationStarted)
    assert started.pending == ("scan.completed",)
    assert [result.verdict for result in started.results] == ["passed"]
    assert timedelta() < started.due - world.clock.now() <= timedelta(hours=1)
    answer = await finished(world, started)
    passed, request = await world.ask("evaluate", answer)
    assert isinstance(passed, e.EvaluationPassed)
    assert [result.kind for result in passed.results] == ["metric", "event"]
    assert isinstance(request, e.PromotionRequested)
    assert await world.ask("evaluate", answer) == [passed, request], "twice is once"


async def test_what_fails_by_its_metrics_asks_nobody_else(world: World) -> None:
    world.rule(scanned())
    _, event = await world.registered(accuracy="0.1")
    [failed] = await world.ask("evaluate", event)
    assert isinstance(failed, e.EvaluationFailed)


async def test_two_awaited_gates_are_both_waited_for_until_the_longer_window_ends(
    world: World,
) -> None:
    world.rule(scanned(SCAN, BIAS))
    _, event = await world.registered()
    [started] = await world.react("evaluate", event)
    assert isinstance(started, e.EvaluationStarted)
    assert started.due - world.clock.now() > timedelta(minutes=119)
    first = await finished(world, started, verdict="failed")
    assert await world.react("evaluate", first) == [], "the other is still out"
    second = await finished(world, started, "bias.checked")
    [failed] = await world.react("evaluate", second)
    assert isinstance(failed, e.EvaluationFailed)
    assert [result.verdict for result in failed.results] == ["passed", "failed", "passed"]
    assert await world.react("evaluate", first) == [], "it is judged already"


async def test_silence_until_the_deadline_is_inconclusive(world: World) -> None:
    world.rule(scanned(SCAN, BIAS))
    _, event = await world.registered()
    [started] = await world.react("evaluate", event)
    await finished(world, started)
    late = await overdue(world, started)
    [unsure] = await world.react("evaluate", late)
    assert isinstance(unsure, e.EvaluationInconclusive)
    assert [result.verdict for result in unsure.results] == ["passed", "passed", "inconclusive"]
    assert unsure.results[2].reason == "no bias.checked arrived within 120 minutes"


async def test_an_answer_after_the_verdict_changes_nothing(world: World) -> None:
    world.rule(scanned())
    _, event = await world.registered()
    [started] = await world.react("evaluate", event)
    await world.react("evaluate", await overdue(world, started))
    assert await world.react("evaluate", await finished(world, started)) == []


async def test_an_answer_or_a_deadline_of_an_older_evaluation_is_stale(world: World) -> None:
    world.rule(scanned())
    version, event = await world.registered()
    [old] = await world.react("evaluate", event)
    [new] = await world.react("evaluate", await asked_again(world, version))
    assert old.head.id != new.head.id
    assert await world.react("evaluate", await finished(world, old)) == []
    assert await world.react("evaluate", await overdue(world, old)) == []
    verdict = await world.react("evaluate", await finished(world, new))
    assert isinstance(verdict[0], e.EvaluationPassed)


async def test_a_gate_added_while_it_waited_has_no_answer_and_so_no_yes(world: World) -> None:
    world.rule(scanned())
    _, event = await world.registered()
    [started] = await world.react("evaluate", event)
    answer = await finished(world, started)
    world.rule(scanned(SCAN, BIAS))
    [unsure] = await world.react("evaluate", answer)
    assert isinstance(unsure, e.EvaluationInconclusive)
    assert unsure.policy_digest == world.policies.all[0].digest
    assert [result.verdict for result in unsure.results] == ["passed", "passed", "inconclusive"]


async def test_the_first_target_is_asked_for(world: World) -> None:
    world.rule(a_policy(targets=[a_target("staging"), a_target("production")]))
    version, event = await world.registered()
    _, request = await world.ask("evaluate", event)
    assert isinstance(request, e.PromotionRequested)
    assert (request.target, request.slot.file) == ("staging", "apps/staging/fraud.yaml")
    assert request.head.actor != UNKNOWN
    assert request.version == version
