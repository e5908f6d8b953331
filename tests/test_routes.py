"""The table of contents: complete, without doubles, and every lane is a lane."""

from pathlib import Path
from typing import Any

import pytest

import processor.handlers
from processor import events as e
from processor.policy.policy import Policies
from processor.ports.route import Route
from processor.routes import Needs, routes
from processor.testing.clock import JumpingClock
from processor.testing.forge import MemoryForge
from processor.testing.registry import MemoryRegistry
from processor.testing.samples import CANDIDATE, SAMPLES, SLOT
from processor.values.people import People

ENDPOINTS = {"log": ["*"], "chat": ["rollout.failed", "promotion.*"]}
NOTHING: Any = None


def table() -> tuple[Route[Any], ...]:
    clock = JumpingClock()
    return routes(
        Needs(
            registry=MemoryRegistry(registry_id="main", clock=clock),
            forges={"acme": MemoryForge()},
            views=NOTHING,
            policies=Policies(()),
            people=People(),
            clock=clock,
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


def test_only_events_of_the_catalogue_are_routed() -> None:
    assert {route.kind for route in table()} <= set(e.CATALOG)


@pytest.mark.parametrize("event", SAMPLES, ids=lambda event: event.kind)
def test_every_lane_of_a_sample_is_a_lane(event: e.Event) -> None:
    for route in table():
        if route.kind is not type(event):
            continue
        lane = route.lane(event)
        if lane is None:
            assert isinstance(event, e.DriftFound), "only a stranger's drift is nobody's"
            assert not event.ours
            continue
        kind, _, key = lane.partition(":")
        assert kind in {"model", "version", "slot", "endpoint"}
        assert key


def lane_of(name: str, event: e.Event) -> str | None:
    [route] = [one for one in table() if (one.name, one.kind) == (name, type(event))]
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


def test_only_our_own_drift_is_put_right() -> None:
    stranger = sample(e.DriftFound)
    assert lane_of("mark", stranger) is None
    ours = stranger.model_copy(update={"ours": True})
    assert lane_of("mark", ours) == f"model:{CANDIDATE.key}"


def test_what_serves_and_is_not_ours_marks_nothing() -> None:
    foreign = sample(e.ServingChanged).model_copy(update={"version": None, "uri": "s3://other"})
    assert lane_of("mark", foreign) is None
    assert lane_of("vouch", foreign) == f"slot:{SLOT.key}"


def test_an_endpoint_has_a_lane_of_its_own_and_hears_what_its_patterns_ask() -> None:
    heard: dict[str, set[str]] = {name: set() for name in ENDPOINTS}
    for route in table():
        if route.name == "announce":
            heard[route.part].add(route.kind.kind)
            assert route.lane(sample(route.kind)) == f"endpoint:{route.part}"
    assert heard["log"] == {kind.kind for kind in e.CATALOG}
    assert "promotion.rejected" in heard["chat"]
    assert heard["chat"] == {
        kind.kind
        for kind in e.CATALOG
        if kind.kind == "rollout.failed" or kind.kind.startswith("promotion.")
    }
