"""The table of contents: complete, without doubles, and every lane is a lane."""

from pathlib import Path
from typing import Any

import pytest

import processor.handlers
from processor import events as e
from processor.policy.policy import Policies
from processor.ports.route import Route
from processor.routes import Needs, routes
from processor.rules.slots import slot_of
from processor.testing.clock import JumpingClock
from processor.testing.forge import MemoryForge
from processor.testing.registry import MemoryRegistry
from processor.testing.samples import CANDIDATE, SAMPLES, SLOT
from processor.values.people import People
from tests.make import a_policy, policies

ENDPOINTS = {"log": ["*"], "chat": ["rollout.failed", "promotion.*"]}
NOTHING: Any = None
POLICIES = policies(a_policy())
TARGET_SLOT = slot_of(POLICIES.all[0].default_target, CANDIDATE.model)


def table(given: Policies = POLICIES) -> tuple[Route[Any], ...]:
    clock = JumpingClock()
    return routes(
        Needs(
            registry=MemoryRegistry(registry_id="main", clock=clock),
            forges={"acme": MemoryForge()},
            views=NOTHING,
            policies=given,
            people=People(),
            clock=clock,
            evaluator=NOTHING,
            registry_effects=NOTHING,
            proposal_effects=NOTHING,
            announcements=NOTHING,
            notify=ENDPOINTS,
            browser_url="",
        )
    )


def test_every_handler_there_is_is_reached() -> None:
    files = {path.stem for path in Path(processor.handlers.__path__[0]).glob("[!_]*.py")}
    assert files == {route.name for route in table()}
    assert len(files) >= 9


def test_a_route_is_named_for_its_handlers_file() -> None:
    for route in table():
        assert type(route.handler).__module__ == f"processor.handlers.{route.name}"


def test_no_event_goes_to_the_same_handler_and_part_twice() -> None:
    rows = [(route.kind, route.name, route.part) for route in table()]
    doubles = {row for row in rows if rows.count(row) > 1}
    assert doubles == set()


def test_a_share_is_one_whatever_the_event() -> None:
    shares: dict[tuple[str, str], set[tuple[float, int]]] = {}
    for route in table():
        shares.setdefault((route.name, route.part), set()).add((route.limit, route.together))
    assert {share: limits for share, limits in shares.items() if len(limits) > 1} == {}
    assert shares["announce", "chat"] == {(30.0, 2)}, "a dead receiver has two turns, not for long"
    assert max(together for limits in shares.values() for _, together in limits) <= 16, (
        "nobody can have most of the worker's 32 lanes"
    )


def test_only_events_of_the_catalogue_are_routed() -> None:
    assert {route.kind for route in table()} <= set(e.CATALOG)


@pytest.mark.parametrize("event", SAMPLES, ids=lambda event: event.kind)
def test_every_lane_of_a_sample_is_a_lane(event: e.Event) -> None:
    for route in table():
        if route.kind is not type(event):
            continue
        lane = route.lane(event)
        if lane is None:
            assert isinstance(event, e.DriftFound | e.DeadlinePassed | e.VersionObserved), (
                "every other is somebody's"
            )
            continue
        kind, _, key = lane.partition(":")
        assert kind in {"model", "version", "gates", "slot", "endpoint"}
        assert key


def lane_of(name: str, event: e.Event, part: str = "") -> str | None:
    [route] = [
        one for one in table() if (one.name, one.kind, one.part) == (name, type(event), part)
    ]
    lane: str | None = route.lane(event)
    return lane


def sample(kind: type[e.Event]) -> Any:
    return next(one for one in SAMPLES if type(one) is kind)


def test_what_must_not_run_side_by_side_shares_a_lane() -> None:
    marks = {
        lane_of("mark", sample(kind))
        for kind in (
            e.EvaluationPassed,
            e.PromotionApproved,
            e.PromotionRejected,
            e.PromotionSuperseded,
            e.PromotionWithdrawn,
            e.ServingChanged,
        )
    }
    assert marks == {f"model:{CANDIDATE.key}"}
    judged = (e.VersionRegistered, e.EvaluationRequested, e.GateFinished, e.DeadlinePassed)
    assert {lane_of("evaluate", sample(kind)) for kind in judged} == {f"version:{CANDIDATE.path}"}
    slots = {lane_of("confirm", sample(kind)) for kind in (e.RolloutStarted, e.RolloutFailed)}
    slots |= {lane_of("propose", sample(e.PromotionRequested))}
    open_ = (e.PromotionProposed, e.PromotionUpdated, e.ApprovalGiven)
    slots |= {lane_of(name, sample(kind)) for kind in open_ for name in ("vouch", "merge")}
    assert slots == {f"slot:{SLOT.key}"}


KINDS: dict[str, dict[str, str]] = {
    "gate window": {"evaluate": "version"},
    "waiver": {"evaluate": "version"},
    "proposal": {"propose": "slot", "withdraw": "slot"},
    "soak": {"advance": "model"},
    "hold": {"renew": "slot", "vouch": "slot", "merge": "slot"},
    "rollout": {},
}


def test_each_kind_of_deadline_concerns_those_who_wait_for_it_and_no_other() -> None:
    passed = sample(e.DeadlinePassed)
    for kind, concerned in KINDS.items():
        more = {"slot": TARGET_SLOT} if kind == "proposal" else {}
        event = passed.model_copy(update={"what": kind, "target": "production", **more})
        lanes = {
            route.name: lane.partition(":")[0]
            for route in table()
            if route.kind is e.DeadlinePassed and route.name != "announce"
            if (lane := route.lane(event)) is not None
        }
        assert lanes == concerned, kind


def test_what_happens_to_a_target_shares_the_lane_of_its_proposals() -> None:
    slot = f"slot:{TARGET_SLOT.key}"
    released = {lane_of(name, sample(e.TargetReleased)) for name in ("renew", "vouch", "merge")}
    assert {lane_of("vouch", sample(e.TargetHeld)), *released} == {slot}
    assert lane_of("propose", sample(e.ModeChanged), "production") == slot
    assert lane_of("propose", sample(e.VersionDeleted), "production") == slot


def test_a_mode_that_allows_less_is_nobody_s() -> None:
    narrower = sample(e.ModeChanged).model_copy(update={"old": "full", "new": "propose"})
    lanes = [
        route.lane(narrower)
        for route in table()
        if route.kind is e.ModeChanged and route.name != "announce"
    ]
    assert lanes
    assert set(lanes) == {None}


def test_a_target_of_no_policy_or_of_two_that_tie_is_in_nobody_s_way() -> None:
    held = sample(e.TargetHeld)
    [nobody] = [
        one for one in table(Policies(())) if (one.kind, one.name) == (e.TargetHeld, "vouch")
    ]
    assert nobody.lane(held) is None
    tie = policies(a_policy(models="fr*"), a_policy(models="*ud"))
    [told] = [one for one in table(tie) if (one.kind, one.name) == (e.TargetHeld, "vouch")]
    assert told.lane(held) == f"model:{CANDIDATE.key}", "the handler tells the tie"


def test_only_our_own_drift_is_put_right() -> None:
    stranger = sample(e.DriftFound)
    assert lane_of("mark", stranger) is None
    ours = stranger.model_copy(update={"ours": True})
    assert lane_of("mark", ours) == f"model:{CANDIDATE.key}"


def test_what_serves_and_is_not_ours_marks_nothing() -> None:
    foreign = sample(e.ServingChanged).model_copy(update={"version": None, "uri": "s3://other"})
    assert lane_of("mark", foreign) is None
    assert lane_of("vouch", foreign) == f"slot:{SLOT.key}"


def test_an_endpoint_has_lanes_of_its_own_and_hears_what_its_patterns_ask() -> None:
    heard: dict[str, set[str]] = {name: set() for name in ENDPOINTS}
    for route in table():
        if route.name == "announce":
            heard[route.part].add(route.kind.kind)
            event = sample(route.kind)
            model = "/".join(event.head.key.split("/")[:3])
            about = "operations" if event.topic == "operations" else model
            assert route.lane(event) == f"endpoint:{route.part}:{about}"
    assert heard["log"] == {kind.kind for kind in e.CATALOG}
    assert "promotion.rejected" in heard["chat"]
    assert heard["chat"] == {
        kind.kind
        for kind in e.CATALOG
        if kind.kind == "rollout.failed" or kind.kind.startswith("promotion.")
    }
