"""Programs that judge are started and not awaited; waivers let gates pass, visibly, for a while."""

import json
from datetime import timedelta
from typing import Any

import pytest

from processor import events as e
from processor.sources.gates import GatesSource
from processor.sources.ruled import Ruled
from processor.values.about import About
from processor.values.job import Ending, job_id
from processor.values.principal import Principal
from processor.values.version import Version
from tests.handlers.test_evaluate import (
    ACCURATE,
    SCAN,
    asked_again,
    finished,
    overdue,
    scanned,
)
from tests.handlers.world import ANA, World
from tests.make import a_policy

BIAS = {"command": ["python", "check_bias.py"], "timeout": "5m", "name": "bias"}
DRIFT = {"command": ["python", "check_drift.py"], "timeout": "2m", "name": "drift"}
TINA = Principal("tina", "authenticated")


def ruled(*gates: dict[str, Any]) -> Any:
    return a_policy(gates=[ACCURATE, *gates])


async def started(world: World, **metrics: str) -> tuple[Version, e.EvaluationStarted]:
    """Let a version be registered and its slow gates be started."""
    version, event = await world.registered(**metrics)
    [said] = await world.react("evaluate", event)
    assert isinstance(said, e.EvaluationStarted)
    return version, said


async def look(world: World) -> list[e.GateFinished]:
    """Let `sources/gates` look once at everything; return what it said."""
    key = "main/default/fraud"
    before = len(await world.ledger.log.of_type(e.GateFinished, key))
    source = GatesSource(
        views=world.ledger.views,
        policies=Ruled(world.policies),
        log=world.ledger.log,
        evaluator=world.evaluator,
    )
    assert await source.look_reports() == {"ledger": ""}
    assert (await source.look_programs())["ledger"] == ""
    said = [one.event for one in await world.ledger.log.of_type(e.GateFinished, key)][before:]
    return [one for one in said if isinstance(one, e.GateFinished)]


async def waived(
    world: World, version: Version, gate: str, by: Principal = ANA, days: int = 7
) -> e.WaiverGiven:
    event = e.WaiverGiven(
        head=world.head(e.WaiverGiven, About.of(version), by),
        version=version,
        gate=gate,
        reason="the scanner is being replaced",
        until=world.clock.now() + timedelta(days=days),
    )
    await world.tell(event)
    return event


async def ended(world: World, waiver: e.WaiverGiven) -> e.DeadlinePassed:
    event = e.DeadlinePassed(
        head=e.DeadlinePassed.heading(About.of(waiver.version), f"waiver:{waiver.head.id}"),
        deadline=f"waiver:{waiver.version.path}:{waiver.gate}",
        what="waiver",
        event_id=waiver.head.id,
        due=waiver.until,
        version=waiver.version,
        gate=waiver.gate,
    )
    await world.tell(event)
    return event


# --- programs -------------------------------------------------------------------------------


async def test_a_program_is_started_with_the_evidence_and_its_answer_leads_to_the_verdict(
    world: World,
) -> None:
    world.rule(ruled(BIAS))
    champion, _ = await world.registered(run="run-0", accuracy="0.93")
    await world.serves(champion)
    world.registry.finish_run(
        "default",
        "run-1",
        metrics={"accuracy": "0.95"},
        params={"depth": "3"},
        tags={"data.cutoff": "2026-01-01"},
    )
    version, event = await world.seen("fraud", "run-1")
    [asked] = await world.react("evaluate", event)
    assert isinstance(asked, e.EvaluationStarted)
    assert asked.pending == ("command:bias",)
    assert asked.due == world.clock.now() - timedelta(seconds=1) + timedelta(minutes=65)
    [begun] = await world.react("start_gates", asked)
    assert isinstance(begun, e.GateStarted)
    job = world.evaluator.jobs[begun.job]
    assert begun.job == job_id(asked.head.id, "command:bias")
    assert (job.command, job.timeout) == (("python", "check_bias.py"), 300)
    shown = json.loads(job.evidence)
    assert shown["version"]["number"] == version.number
    assert shown["run"]["metrics"] == {"accuracy": "0.95"}
    assert shown["run"]["params"] == {"depth": "3"}
    assert shown["run"]["tags"]["data.cutoff"] == "2026-01-01"
    assert shown["serving"]["metrics"] == {"accuracy": "0.93"}
    assert shown["artifact"] == "s3://models/run-1/model"
    assert (await world.record(version)).judgement.running == ("command:bias",)  # type: ignore[union-attr]
    assert await look(world) == [], "it runs"
    world.evaluator.answers(job.id, "passed", "gap is 0.01", {"gap": 0.01})
    [answer] = await look(world)
    assert answer.result.evidence == (("runner", "memory"), ("took", "1.0 s"), ("gap", "0.01"))
    assert await look(world) == [], "once"
    passed, request = await world.ask("evaluate", answer)
    assert isinstance(passed, e.EvaluationPassed)
    assert isinstance(request, e.PromotionRequested)
    assert [result.gate for result in passed.results] == ["accuracy >= 0.9", "bias says passed"]


async def test_starting_twice_is_starting_once_and_says_the_same(world: World) -> None:
    world.rule(ruled(BIAS, DRIFT))
    _, asked = await started(world)
    first = await world.ask("start_gates", asked)
    assert await world.ask("start_gates", asked) == first
    assert [one.gate for one in first if isinstance(one, e.GateStarted)] == [
        "command:bias",
        "command:drift",
    ]
    assert len(world.evaluator.jobs) == 2


async def test_what_a_newer_evaluation_asks_is_not_started_for_the_older(world: World) -> None:
    world.rule(ruled(BIAS))
    version, old = await started(world)
    [new] = await world.react("evaluate", await asked_again(world, version))
    assert await world.ask("start_gates", old) == []
    assert len(await world.ask("start_gates", new)) == 1
    assert list(world.evaluator.jobs) == [job_id(new.head.id, "command:bias")]


async def test_events_alone_start_nothing(world: World) -> None:
    world.rule(scanned())
    _, asked = await started(world)
    assert await world.ask("start_gates", asked) == []


@pytest.mark.parametrize(("verdict", "then"), [("failed", e.EvaluationFailed), ("passed", None)])
async def test_each_program_answers_for_itself(world: World, verdict: Any, then: Any) -> None:
    world.rule(ruled(BIAS, SCAN, DRIFT))
    _, asked = await started(world)
    begun = await world.react("start_gates", asked)
    jobs = [one.job for one in begun if isinstance(one, e.GateStarted)]
    world.evaluator.answers(jobs[1], verdict)
    [drift] = await look(world)
    assert (drift.event, drift.result.verdict) == ("command:drift", verdict)
    assert await world.react("evaluate", drift) == [], "two are still out"
    world.evaluator.ends(
        jobs[0],
        Ending(
            problem="it was killed by SIGSEGV", said="", complaint="", seconds=2.0, runner="memory"
        ),
    )
    [bias] = await look(world)
    assert bias.result.verdict == "inconclusive"
    assert await world.react("evaluate", bias) == []
    [end] = await world.react("evaluate", await finished(world, asked))
    assert isinstance(end, then or e.EvaluationInconclusive)
    assert [result.gate for result in end.results] == [
        "accuracy >= 0.9",
        "bias says passed",
        "scan.completed says passed",
        "drift says passed",
    ]


async def test_what_was_not_started_yet_is_not_lost_but_what_was_is(world: World) -> None:
    world.rule(ruled(BIAS))
    _, asked = await started(world)
    assert await look(world) == [], "nobody started it yet"
    [begun] = await world.react("start_gates", asked)
    assert isinstance(begun, e.GateStarted)
    world.evaluator.forget(begun.job)
    [gone] = await look(world)
    assert "the runner's folder was removed" in gone.result.reason
    [unsure] = await world.react("evaluate", gone)
    assert isinstance(unsure, e.EvaluationInconclusive)


async def test_a_runner_that_is_down_is_an_outage_and_nobodys_answer(world: World) -> None:
    world.rule(ruled(BIAS))
    _, asked = await started(world)
    await world.react("start_gates", asked)
    world.evaluator.down = "no room"
    source = GatesSource(
        views=world.ledger.views,
        policies=Ruled(world.policies),
        log=world.ledger.log,
        evaluator=world.evaluator,
    )
    assert await source.look_programs() == {"ledger": "", "evaluator": "evaluator: no room"}
    world.evaluator.down = ""
    assert await source.look_programs() == {"ledger": "", "evaluator": ""}


async def test_a_program_nobody_heard_of_by_the_deadline_is_inconclusive(world: World) -> None:
    world.rule(ruled(BIAS))
    _, asked = await started(world)
    [unsure] = await world.react("evaluate", await overdue(world, asked))
    assert isinstance(unsure, e.EvaluationInconclusive)
    assert "no answer within 65 minutes" in unsure.results[1].reason


async def test_what_fails_by_its_metrics_starts_no_program(world: World) -> None:
    world.rule(ruled(BIAS))
    _, event = await world.registered(accuracy="0.1")
    [failed] = await world.react("evaluate", event)
    assert isinstance(failed, e.EvaluationFailed)


# --- waivers --------------------------------------------------------------------------------

METRIC = "accuracy >= 0.9"


@pytest.mark.parametrize("metrics", [{"accuracy": "0.5"}, {"accuracy": "NaN"}, {"other": "1"}])
async def test_a_waived_metric_counts_as_passed_and_stays_printed(
    world: World, metrics: dict[str, str]
) -> None:
    version, event = await world.registered(**metrics)
    [failed] = await world.react("evaluate", event)
    assert isinstance(failed, e.EvaluationFailed)
    waiver = await waived(world, version, METRIC)
    passed, request = await world.react("evaluate", waiver)
    assert isinstance(passed, e.EvaluationPassed)
    assert isinstance(request, e.PromotionRequested)
    [result] = passed.results
    assert (result.verdict, result.counts) == ("failed", "passed")
    assert result.reason == failed.results[0].reason
    assert result.waiver == (
        "waived by ana until 2026-01-08 00:00 UTC: the scanner is being replaced"
    )


async def test_the_pull_request_shows_the_waiver(world: World) -> None:
    version, event = await world.registered(accuracy="0.5")
    await world.react("evaluate", event)
    _, request = await world.react("evaluate", await waived(world, version, METRIC))
    [proposed] = await world.react("propose", request)
    assert isinstance(proposed, e.PromotionProposed)
    body = (await world.pull(proposed)).body
    assert "0/1 gates passed, 1 waived" in body
    assert "waived by ana until 2026" in body


async def test_when_it_ends_the_version_is_judged_again_and_its_proposal_closed(
    world: World,
) -> None:
    version, event = await world.registered(accuracy="0.5")
    await world.react("evaluate", event)
    waiver = await waived(world, version, METRIC)
    _, request = await world.react("evaluate", waiver)
    [proposed] = await world.react("propose", request)
    assert isinstance(proposed, e.PromotionProposed)
    [failed] = await world.react("evaluate", await ended(world, waiver))
    assert isinstance(failed, e.EvaluationFailed)
    assert failed.results[0].waiver == ""
    await world.react("withdraw", failed)
    assert (await world.pull(proposed)).state == "closed"


async def test_a_broken_run_and_anothers_slot_are_nobodys_to_waive(world: World) -> None:
    version, event = await world.registered(accuracy="0.99")
    world.registry._runs.clear()
    [failed] = await world.react("evaluate", event)
    assert isinstance(failed, e.EvaluationFailed)
    for result in failed.results:
        waiver = await waived(world, version, result.gate)
        [again] = await world.react("evaluate", waiver)
        assert isinstance(again, e.EvaluationFailed)
        assert again.results[0].waiver == ""


async def test_the_trainers_own_waiver_does_not_count_whenever_it_was_given(
    world: World,
) -> None:
    version, event = await world.registered(accuracy="0.5")
    await waived(world, version, METRIC, by=TINA)
    [failed] = await world.react("evaluate", event)
    assert isinstance(failed, e.EvaluationFailed)
    await waived(world, version, METRIC, by=ANA)
    passed, _ = await world.ask("evaluate", event)
    assert isinstance(passed, e.EvaluationPassed)


async def test_a_waived_slow_gate_is_not_waited_for(world: World) -> None:
    world.rule(ruled(SCAN, BIAS))
    version, asked = await started(world)
    [begun] = await world.react("start_gates", asked)
    assert isinstance(begun, e.GateStarted)
    early = await waived(world, version, "scan.completed says passed")
    assert await world.react("evaluate", early) == [], "the program is still out"
    world.evaluator.answers(begun.job, "passed")
    [answer] = await look(world)
    passed, _ = await world.react("evaluate", answer)
    assert isinstance(passed, e.EvaluationPassed)
    scan = passed.results[1]
    assert (scan.verdict, scan.reason) == ("inconclusive", "it was not asked, as it is waived")
    assert scan.waiver.startswith("waived by ana")


async def test_waiving_all_that_is_out_is_the_end_of_waiting(world: World) -> None:
    world.rule(ruled(SCAN))
    version, asked = await started(world)
    waiver = await waived(world, version, "scan.completed says passed")
    passed, _ = await world.react("evaluate", waiver)
    assert isinstance(passed, e.EvaluationPassed)
    assert await world.react("evaluate", await finished(world, asked)) == [], "it is judged"
    [again] = await world.react("evaluate", await asked_again(world, version))
    assert isinstance(again, e.EvaluationPassed), "nor is it asked while the waiver stands"
    [anew] = await world.react("evaluate", await ended(world, waiver))
    assert isinstance(anew, e.EvaluationStarted), "now it is"
    assert anew.pending == ("scan.completed",)


async def test_what_a_slow_gate_has_said_is_not_asked_again_for_a_waiver(world: World) -> None:
    world.rule(ruled(BIAS))
    version, asked = await started(world)
    [begun] = await world.react("start_gates", asked)
    assert isinstance(begun, e.GateStarted)
    world.evaluator.answers(begun.job, "failed", "gap is 0.4")
    [answer] = await look(world)
    [failed] = await world.react("evaluate", answer)
    assert isinstance(failed, e.EvaluationFailed)
    waiver = await waived(world, version, "bias says passed")
    passed, _ = await world.react("evaluate", waiver)
    assert isinstance(passed, e.EvaluationPassed)
    assert passed.results[1].sentence.startswith("gap is 0.4; waived by ana until")
    [again] = await world.react("evaluate", await ended(world, waiver))
    assert isinstance(again, e.EvaluationFailed)
    assert again.results[1] == failed.results[1]
    assert len(world.evaluator.jobs) == 1


async def test_a_waiver_before_the_verdict_waits_for_it(world: World) -> None:
    version, _ = await world.registered(accuracy="0.5")
    assert await world.react("evaluate", await waived(world, version, METRIC)) == []
