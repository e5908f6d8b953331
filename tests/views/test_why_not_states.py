"""Each state something can be stuck in, brought about by the events and rows that lead there.

One scenario per state, told into a world; the answer must name who can act and the exact command
or link. The last tests count them, against the table the documents are made from.
"""

import importlib
import inspect
import pkgutil
import re
import shlex
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, get_args

import pytest
import typer.main

import processor.handlers
from processor import events as e
from processor.cli.program import program
from processor.policy.policy import Policies, Policy
from processor.rules.slots import slot_of
from processor.values.about import About
from processor.values.evaluation import GateResult
from processor.values.principal import SLUICE, claimed
from processor.values.serving import Soak
from processor.values.version import Version
from processor.views import obstacles
from processor.views.states import MEANINGS, WaitState
from processor.views.waiting import Waiting
from processor.views.why_not import why_not
from tests.views.world import ANA, BO, HEAD, START, World, policy, switches_in

Told = World | Awaitable[World]
Scenario = Callable[[], Told]
SCENARIOS: dict[WaitState, Scenario] = {}
HOUR = timedelta(hours=1)


def leads_to(state: WaitState) -> Callable[[Scenario], Scenario]:
    def keep(scenario: Scenario) -> Scenario:
        assert state not in SCENARIOS
        SCENARIOS[state] = scenario
        return scenario

    return keep


async def answer_of(state: WaitState) -> Waiting:
    """Tell a scenario and ask about its newest version's last target."""
    told = SCENARIOS[state]()
    world = await told if inspect.isawaitable(told) else told
    return (await why_not(world.known, "fraud")).targets[-1]


# --- what the scenarios are told with ---------------------------------------------------------


def two_targets(**after: Any) -> Policies:
    """A policy whose production comes after an hour at staging."""
    one = policy().model_dump()
    production = dict(one["targets"][0])
    staging = {
        **production,
        "name": "staging",
        "default": False,
        "cluster": "stage",
        "edits": [{"file": "stage/{model}.yaml", "set": {"spec.uri": "{uri}"}}],
    }
    production["after"] = {"target": "staging", "soak": "1h", **after}
    return Policies((Policy.model_validate({**one, "targets": [staging, production]}),))


def passed(**changes: Any) -> tuple[World, Version]:
    world = World(**changes)
    version = world.registered()
    world.judged(version)
    return world, version


def served_at_staging(world: World, version: Version, *, approved: bool = True) -> None:
    rule = world.policies.ruling("default", "fraud")
    assert rule is not None
    head = e.ServingChanged.heading(About.of(version, "staging"), f"{len(world.happened)}")
    world.tell(
        e.ServingChanged(
            head=head,
            target="staging",
            slot=slot_of(rule.targets[0], "fraud"),
            uri="s3://models/1",
            version=version,
            approved=approved,
            promotion_id=None,
            endpoint="http://127.0.0.1:9/",
            prediction="[1]",
            soaks=(Soak("production", START + HOUR if approved else None),),
        )
    )


def trained(registration: str, **changes: Any) -> World:
    world = World(**changes)
    head = e.TrainingCompleted.heading(About("main", "default", "fraud"), "run")
    world.tell(
        e.TrainingCompleted.model_validate(
            {"head": head, "run_id": "r", "model": "fraud", "registration": registration}
        )
    )
    return world


def deadline(world: World, what: str, version: Version, event_id: str, **data: Any) -> None:
    head = e.DeadlinePassed.heading(About.of(version), f"{what}:{event_id}", actor=SLUICE)
    world.tell(
        e.DeadlinePassed.model_validate(
            {"head": head, "what": what, "event_id": event_id, "version": version, **data}
        )
    )


def started(world: World, version: Version, *pending: str) -> e.EvaluationStarted:
    event = e.EvaluationStarted(
        head=e.EvaluationStarted.heading(About.of(version), "started"),
        version=version,
        policy_digest="d",
        results=(),
        pending=pending,
        due=START + HOUR,
    )
    world.tell(event)
    return event


def ended(kind: type[e.Event], **data: Any) -> World:
    world, version = passed()
    world.ended(kind, world.proposed(version), version, **data)
    return world


# --- before a verdict -------------------------------------------------------------------------


@leads_to("unknown_model")
def _() -> World:
    return World()


@leads_to("not_registered")
def _() -> World:
    return trained("please")


@leads_to("deleted")
def _() -> World:
    world, version = passed()
    head = e.VersionDeleted.heading(About.of(version), "gone")
    world.tell(e.VersionDeleted(head=head, version=version))
    return world


@leads_to("no_policy")
def _() -> World:
    return passed(policies=Policies((policy("churn-*"),)))[0]


@leads_to("policy_tie")
def _() -> World:
    return passed(policies=Policies((policy("frau*"), policy("*raud"))))[0]


@leads_to("slot_taken")
def _() -> World:
    one = {"file": "one.yaml", "object": {"name": "one"}, "set": {"spec.uri": "{uri}"}}
    fixed = policy(edits=[one])
    world = World(policies=Policies((fixed,)))
    world.registered("first")
    world.judged(world.registered())
    return world


@leads_to("not_judged")
def _() -> World:
    world = World()
    version = Version("main", "default", "fraud", "1", 1001)
    head = e.VersionObserved.heading(About.of(version), "seen")
    fields = {"run_id": "r", "stage": "None", "artifact": "s3://m"}
    world.tell(e.VersionObserved.model_validate({"head": head, "version": version, **fields}))
    return world


@leads_to("being_judged")
def _() -> World:
    world = World()
    world.registered()
    return world


@leads_to("gates_pending")
def _() -> World:
    world = World()
    started(world, world.registered(), "scan.completed", "command:bias")
    return world


@leads_to("gates_running")
def _() -> World:
    world = World()
    version = world.registered()
    begun = started(world, version, "command:bias", "command:drift")
    world.tell(
        e.GateStarted(
            head=e.GateStarted.heading(About.of(version), "bias"),
            version=version,
            evaluation_id=begun.head.id,
            gate="command:bias",
            job="job-1",
        )
    )
    return world


@leads_to("gates_failed")
def _() -> World:
    world = World()
    world.judged(world.registered(), "failed")
    return world


@leads_to("gates_inconclusive")
def _() -> World:
    world = World()
    world.judged(world.registered(), "inconclusive")
    return world


@leads_to("waiver_ended")
def _() -> World:
    world = World()
    version = world.registered()
    gate = GateResult("accuracy >= 0.9", "metric", "failed").gate
    given = e.WaiverGiven(
        head=e.WaiverGiven.heading(About.of(version), "waive", actor=ANA),
        version=version,
        gate=gate,
        reason="known data error",
        until=START + HOUR,
    )
    world.tell(given)
    key = next(iter(_keys(given)))
    deadline(world, "waiver", version, given.head.id, deadline=key, due=START + HOUR, gate=gate)
    world.judged(version, "failed")
    return world


def _keys(event: e.Event) -> tuple[str, ...]:
    from processor.rules.history import deadlines  # noqa: PLC0415 - the folds' own key

    return deadlines.keys_of(event)


# --- between a verdict and a request ----------------------------------------------------------


@leads_to("not_requested")
def _() -> World:
    return passed()[0]


@leads_to("comes_after")
def _() -> World:
    return passed(policies=two_targets())[0]


@leads_to("soaking")
def _() -> World:
    world, version = passed(policies=two_targets())
    served_at_staging(world, version)
    return world


@leads_to("being_requested")
def _() -> World:
    world, version = passed(policies=two_targets())
    served_at_staging(world, version)
    event = world.happened[-1].event
    (key,) = _keys(event)
    deadline(
        world,
        "soak",
        version,
        event.head.id,
        deadline=key,
        due=START + HOUR,
        target="production",
    )
    return world


@leads_to("overtaken")
def _() -> World:
    world = World()
    newer = Version("main", "default", "fraud", "2", 900 + 2000)
    head = e.VersionRegistered.heading(About.of(newer), "created")
    fields = {"run_id": "r", "stage": "None", "artifact": "s3://m"}
    world.tell(e.VersionRegistered.model_validate({"head": head, "version": newer, **fields}))
    world.proposed(newer)
    world.judged(world.registered(number="3"))
    return world


# --- on the way -------------------------------------------------------------------------------


@leads_to("being_proposed")
def _() -> World:
    world, version = passed()
    world.requested(version)
    return world


@leads_to("held")
async def _() -> World:
    world, version = passed()
    world.proposed(version, by=BO)
    hold = switches_in(world).hold
    await hold(ANA, version.key, "production", "audit week", "k", until=START + HOUR)
    return world


@leads_to("awaiting_approval")
def _() -> World:
    world, version = passed()
    world.proposed(version, by=BO)
    return world


@leads_to("nobody_may_approve")
def _() -> World:
    world, version = passed(policies=Policies((policy(approval={"people": ["tina"]}),)))
    world.proposed(version)
    return world


@leads_to("foreign_commits")
def _() -> World:
    world, version = passed(policies=Policies((policy(approval="automatic"),)))
    world.pushed(world.proposed(version), version, HEAD, claimed("Eve"))
    return world


@leads_to("awaiting_verdict")
def _() -> World:
    world, version = passed()
    promotion = world.proposed(version)
    slot = world.slot("fraud")
    world.ended(e.ApprovalGiven, promotion, version, actor=ANA, slot=slot, head_sha=HEAD)
    started(world, version, "scan.completed")
    return world


@leads_to("awaiting_merge")
def _() -> World:
    by_person = policy(approval={"people": ["ana"], "merge": "person"})
    world, version = passed(policies=Policies((by_person,)))
    promotion, slot = world.proposed(version), world.slot("fraud")
    world.ended(e.ApprovalGiven, promotion, version, actor=ANA, slot=slot, head_sha=HEAD)
    return world


def mergeable(mode: str = "full") -> World:
    world, version = passed(policies=Policies((policy(approval="automatic"),)), mode=mode)
    world.proposed(version)
    return world


@leads_to("being_merged")
def _() -> World:
    return mergeable()


@leads_to("mode_observe")
def _() -> World:
    world, version = passed(mode="observe")
    world.requested(version)
    return world


@leads_to("mode_propose")
def _() -> World:
    return mergeable("propose")


# --- merged, and ended ------------------------------------------------------------------------


@leads_to("rolling_out")
def _() -> World:
    world, version = passed()
    world.approved(version)
    return world


@leads_to("rollout_overdue")
async def _() -> World:
    world, version = passed()
    world.approved(version)
    await world.clock.jump(2 * HOUR.total_seconds())
    return world


@leads_to("rollout_failed")
def _() -> World:
    world, version = passed()
    failed = {"slot": world.slot("fraud"), "uri": "s3://models/1", "reason": "image pull"}
    world.ended(e.RolloutFailed, world.approved(version), version, **failed)
    return world


@leads_to("rejected")
def _() -> World:
    return ended(e.PromotionRejected, by=ANA, reason="too slow")


@leads_to("withdrawn")
def _() -> World:
    return ended(e.PromotionWithdrawn, reason="closed by Eve, who is no approver")


@leads_to("superseded")
def _() -> World:
    return ended(e.PromotionSuperseded, reason="by #8 for fraud v2")


@leads_to("expired")
def _() -> World:
    return ended(e.PromotionExpired, reason="nobody decided by 2026-01-15")


@leads_to("bypassed")
def _() -> World:
    merge = {"merge_sha": "c" * 40, "merged_by": BO, "unmet": ("1 approval missing",)}
    slot = World().slot("fraud")
    return ended(e.PromotionBypassed, slot=slot, uri="s3://models/1", **merge)


@leads_to("replaced")
def _() -> World:
    world, version = passed()
    promotion = world.serving(version)
    told = {"slot": world.slot("fraud"), "uri": "s3://models/1", "endpoint": "http://127.0.0.1:9/"}
    world.ended(e.RolloutSucceeded, promotion, version, prediction="[1]", **told)
    head = e.ServingChanged.heading(About.of(version, "production"), "other", actor=SLUICE)
    other = {"uri": "s3://other", "version": None, "approved": False, "promotion_id": None}
    slot = world.slot("fraud")
    world.tell(
        e.ServingChanged.model_validate(
            {
                "head": head,
                "target": "production",
                "slot": slot,
                "endpoint": None,
                "prediction": None,
                **other,
            }
        )
    )
    return world


@leads_to("serving")
def _() -> World:
    world, version = passed()
    world.serving(version)
    return world


# --- the machine itself -----------------------------------------------------------------------


@leads_to("paused")
async def _() -> World:
    world, version = passed()
    world.requested(version)
    await switches_in(world).pause(ANA, "", "the forge is being moved", "k")
    return world


@leads_to("model_paused")
async def _() -> World:
    world, version = passed()
    world.requested(version)
    await switches_in(world).pause(ANA, version.key, "bad data", "k")
    return world


@leads_to("dead_work")
def _() -> World:
    world, version = passed()
    world.requested(version)
    world.row("dead", "propose", "no such file")
    return world


@leads_to("dropped_work")
async def _() -> World:
    world, version = passed()
    world.requested(version)
    world.row("dead", "propose", "no such file")
    await switches_in(world).drop(ANA, world.turns[-1].id, "not wanted", "k")
    return world


@leads_to("retrying")
def _() -> World:
    world, version = passed()
    world.requested(version)
    world.row("ready", "propose", "the branch moved")
    return world


@leads_to("waiting")
def _() -> World:
    world = World()
    world.registered()
    world.row("waiting", "evaluate", "run run1 is RUNNING, not FINISHED")
    return world


@leads_to("registry_down")
def _() -> World:
    world = World()
    world.registered()
    world.report("registry", "connection refused")
    return world


@leads_to("forge_down")
def _() -> World:
    world = mergeable()
    world.report("forge acme", "timeout")
    return world


@leads_to("cluster_down")
def _() -> World:
    world, version = passed()
    world.approved(version)
    world.report("cluster prod", "timeout")
    return world


@leads_to("ledger_down")
def _() -> World:
    world = mergeable()
    world.report("ledger", "database or disk is full")
    return world


# --- what every answer must be ----------------------------------------------------------------


def spoken(command: str) -> str:
    """Return what in a command line does not exist, empty if all of it does."""
    first, *rest = shlex.split(command)
    assert first == "sluice"
    at: Any = typer.main.get_command(program)
    while rest and not rest[0].startswith("-") and getattr(at, "commands", None):
        name = rest.pop(0)
        if name not in at.commands:
            return name
        at = at.commands[name]
    try:
        at.make_context("sluice", rest)
    except Exception as wrong:  # noqa: BLE001 - typer's own, by whatever path
        return f"{type(wrong).__name__}: {wrong}"
    return ""


BY_ITSELF = {
    "not_registered",
    "being_judged",
    "gates_pending",
    "gates_running",
    "being_requested",
    "retrying",
    "waiting",
    "awaiting_verdict",
    "serving",
    "deleted",
    "mode_observe",
    "mode_propose",
}
"""States nobody ends by typing: they end by themselves, in another system, or in sluice.yaml."""


@pytest.mark.parametrize("state", get_args(WaitState))
async def test_each_state_is_produced_and_says_who_can_act_and_how(state: WaitState) -> None:
    one = await answer_of(state)
    assert one.state == state, one
    assert "unknown" not in one.waits_for
    assert len(one.waits_for) > 15
    assert one.who or state == "serving"
    if state not in {"unknown_model", "deleted"}:
        assert one.since is not None
    assert one.command or one.link or state in BY_ITSELF, "nobody is told what to do"
    if one.command:
        assert spoken(one.command) == "", one.command
    assert not re.search(r"\b(None|Principal\()", one.waits_for + " ".join(one.details))


async def test_states_are_counted_and_none_is_left_over() -> None:
    produced = {state: (await answer_of(state)).state for state in SCENARIOS}
    print(f"why-not explains {len(produced)} states: {', '.join(sorted(produced))}")
    assert set(produced) == set(produced.values()) == set(get_args(WaitState)) == set(MEANINGS)
    assert len(produced) >= 25


async def test_a_state_that_is_not_there_would_be_missed() -> None:
    assert (await answer_of("held")).state != "paused"
    assert spoken("sluice dead revive 9") == "revive"
    assert "Missing" in spoken("sluice reject fraud@1")
    assert "NoSuchOption" in spoken("sluice pause --reason x --sideways")


async def test_the_rows_that_are_looked_for_are_those_of_real_handlers() -> None:
    handlers = {
        name.lower()
        for module in pkgutil.iter_modules(processor.handlers.__path__)
        for name, kind in inspect.getmembers(
            importlib.import_module(f"processor.handlers.{module.name}"), inspect.isclass
        )
        if kind.__module__.endswith(module.name) and hasattr(kind, "__call__")  # noqa: B004
    }
    looked_for: set[str] = set()
    for scenario in SCENARIOS.values():
        told = scenario()
        world = await told if inspect.isawaitable(told) else told
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(obstacles, "_concerns", lambda _, step: looked_for.update(step.handlers))
            if world.happened:
                world.row("waiting", "nobody", "x")
            await why_not(world.known, "fraud")
    print(f"why-not looks for rows of {sorted(looked_for)}")
    assert len(looked_for) >= 8
    assert looked_for <= handlers
