"""A waiver over HTTP and by the command line, and where people then read it."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from processor import events as e
from processor.values.about import About
from processor.values.evaluation import Comparison, GateResult
from processor.values.principal import SLUICE
from tests.cli.test_cli import beside, here
from tests.views.world import BO, World
from tests.web.site import running

__all__ = ["here"]
pytestmark = pytest.mark.real
GATE = "accuracy >= 0.9"
PATH = "/v1/models/fraud/versions/1/waive"


def failing() -> World:
    world = World()
    world.judged(world.registered(), "failed")
    return world


async def test_a_waiver_is_a_wish_and_its_refusals_name_the_fix(tmp_path: Path) -> None:
    world = failing()
    async with running(world, tmp_path) as site:
        ana = {**await site.bearer("ana"), "Idempotency-Key": "k"}
        until = (world.clock.now() + timedelta(days=7)).isoformat()
        body = {"gate": GATE, "until": until, "reason": "new scanner"}
        for wrong, status, said in (
            ({"gate": "auc"}, 404, f"it has {GATE}"),
            ({"until": "7d"}, 400, "is not ISO 8601"),
            ({"until": "2020-01-01"}, 400, "is past"),
            ({"until": ""}, 400, "is not ISO 8601"),
            ({"reason": ""}, 400, "say why"),
            ({"gat": GATE}, 400, "unknown field gat"),
        ):
            answer = await site.http.post(f"{site.url}{PATH}", json=body | wrong, headers=ana)
            assert (answer.status, said in (await answer.json())["detail"]) == (status, True), wrong
        assert not any(isinstance(one.event, e.WaiverGiven) for one in world.happened)
        answer = await site.http.post(f"{site.url}{PATH}", json=body)
        assert answer.status == 401
        for _ in range(2):
            answer = await site.http.post(f"{site.url}{PATH}", json=body, headers=ana)
            assert answer.status == 202, await answer.text()
        assert sum(isinstance(one.event, e.WaiverGiven) for one in world.happened) == 1


async def test_the_command_line_waives_as_the_person_who_signed_in(
    here: Path, tmp_path: Path
) -> None:
    world = failing()
    words = ("waive", "fraud", "1", "--until", "7d", "--reason", "new scanner")
    async with running(world, tmp_path) as site:
        done = await beside(site, here, *words, "--gate", GATE)
        assert (done.returncode, "sluice sign-in LINK" in done.stderr) == (2, True)
        links = json.loads(site.links_file.read_text())
        await beside(site, here, "sign-in", links["ana"])
        done = await beside(site, here, *words, "--gate", "bias")
        assert (done.returncode, f"it has {GATE}" in done.stderr) == (1, True)
        done = await beside(site, here, *words, "--gate", GATE)
        assert (done.returncode, done.stderr) == (0, "")
        assert f"'{GATE}' of fraud v1 is waived until 20" in done.stdout
        assert "it is judged again now" in done.stdout
    event = world.happened[-1].event
    assert isinstance(event, e.WaiverGiven)
    assert event.head.actor.name == "ana"


async def test_the_page_the_api_and_the_history_say_who_lets_it_pass(tmp_path: Path) -> None:
    world = World()
    version = world.registered()
    waiver = "waived by ana until 2026-01-08 00:00 UTC: new scanner"
    kind = e.EvaluationPassed
    judged = world.judged(version)
    assert isinstance(judged, kind)
    passed = kind(
        head=kind.heading(About.of(version), "waived", actor=SLUICE),
        version=version,
        policy_digest="d",
        results=(GateResult(GATE, "metric", "failed", "accuracy is 0.5", (), waiver),),
        comparison=Comparison(None, ()),
        training=judged.training,
    )
    world.tell(passed)
    promotion = world.proposed(version, by=BO)
    async with running(world, tmp_path) as site:
        await site.cookie("ana")
        page = await (await site.http.get(f"{site.url}/promotions/{promotion}")).text()
        assert f"accuracy is 0.5; {waiver}" in page
        found = await (await site.http.get(f"{site.url}/v1/promotions/{promotion}")).json()
        assert found["gates"][0]["waiver"] == waiver
        assert found["gates"][0]["verdict"] == "failed"
        versions = await (await site.http.get(f"{site.url}/v1/models/fraud/versions")).json()
        assert versions["versions"][0]["verdict"] == "passed"
        assert versions["versions"][0]["shortfalls"] == [f"accuracy is 0.5; {waiver}"]
        history = await (await site.http.get(f"{site.url}/v1/models/fraud/history")).json()
        assert any(waiver in one["text"] for one in history["events"])
