"""The shapes programs rely on."""

from pathlib import Path

from processor.values.principal import claimed
from processor.values.version import Version
from processor.views.status import status
from tests.views.world import BO, HEAD, World
from tests.web.site import running


def told() -> tuple[World, str]:
    world = World()
    one, two = world.registered(), world.registered(number="2")
    world.judged(one)
    world.serving(one)
    world.judged(two, champion=one)
    return world, world.proposed(two, by=BO)


async def test_a_person_signs_in_looks_approves_and_repeats(tmp_path: Path) -> None:
    world, promotion = told()
    async with running(world, tmp_path) as site:
        header = await site.bearer("ana")
        answer = await site.http.get(f"{site.url}/v1/promotions?state=proposed&model=fraud")
        (only,) = (await answer.json())["promotions"]
        assert only["id"] == promotion
        assert (only["model"], only["version"], only["target"]) == ("fraud", "2", "production")
        assert only["proposal"]["head_sha"] == HEAD
        assert only["unmet"] == ["1 approval missing; can be given by ana"]
        path = f"{site.url}/v1/promotions/{promotion}"
        said = {"head_sha": only["proposal"]["head_sha"]}
        keyed = {**header, "Idempotency-Key": "k1"}
        first = await site.http.post(f"{path}/approve", json=said, headers=keyed)
        second = await site.http.post(f"{path}/approve", json=said, headers=keyed)
        assert (first.status, second.status) == (200, 200)
        assert await first.json() == await second.json()
        assert (await (await site.http.get(path)).json())["promotion"]["unmet"] == []


async def test_page_and_api_show_what_is_approved_and_what_they_do_not_show(tmp_path: Path) -> None:
    world, promotion = told()
    version = Version("main", "default", "fraud", "2", 1002)
    async with running(world, tmp_path) as site:
        page = f"{site.url}/promotions/{promotion}"
        text = await (await site.http.get(page)).text()
        assert '<pre class="old">- nothing</pre>' in text
        assert '<pre class="new">+ s3://fraud v2</pre>' in text
        assert "Careful" not in text
        world.pushed(promotion, version, "f" * 40, claimed("Eve <b>"))
        text = await (await site.http.get(page)).text()
        assert "Careful: the branch holds commits by Eve &lt;b&gt; (claimed), which these" in text
        assert "<code>git diff main...sluice/x</code>" in text
        found = await (await site.http.get(f"{site.url}/v1/promotions/{promotion}")).json()
        assert found["changes"][0]["old"] == ""
        assert found["unshown"].startswith("the branch holds commits by Eve <b> (claimed)")
        assert found["diff"] == "git diff main...sluice/x"


async def test_a_wish_is_refused_with_its_reason(tmp_path: Path) -> None:
    world, promotion = told()
    async with running(world, tmp_path) as site:
        path = f"{site.url}/v1/promotions/{promotion}"
        bo = {**await site.bearer("bo"), "Idempotency-Key": "k"}
        answer = await site.http.post(f"{path}/approve", json={"head_sha": HEAD}, headers=bo)
        assert answer.status == 403
        assert "nobody approves their own" in (await answer.json())["detail"]
        ana = await site.bearer("ana")
        answer = await site.http.post(f"{path}/approve", json={"head_sha": HEAD}, headers=ana)
        assert (answer.status, (await answer.json())["title"]) == (400, "Idempotency-Key needed")
        ana["Idempotency-Key"] = "k"
        answer = await site.http.post(f"{path}/approve", json={"head_sha": "0"}, headers=ana)
        assert (answer.status, (await answer.json())["title"]) == (409, "The head moved")
        for body in ({"had_sha": HEAD}, {"head_sha": 1}, [1]):
            answer = await site.http.post(f"{path}/approve", json=body, headers=ana)
            assert answer.status == 400
        answer = await site.http.post(f"{path}/reject", json={"reason": "slow"}, headers=ana)
        assert answer.status == 200
        assert world.closed[0][2] == "slow"


async def test_evaluate_and_request_are_wishes_too(tmp_path: Path) -> None:
    world, _ = told()
    async with running(world, tmp_path) as site:
        ana = {**await site.bearer("ana"), "Idempotency-Key": "k"}
        path = f"{site.url}/v1/models/fraud/versions/1/evaluate"
        assert (await site.http.post(path, json={}, headers=ana)).status == 202
        body = {"model": "fraud", "version": "1"}
        answer = await site.http.post(f"{site.url}/v1/promotions", json=body, headers=ana)
        assert answer.status == 202
        assert (await answer.json())["promotion_id"]


async def test_the_questions_answer_in_their_shapes(tmp_path: Path) -> None:
    world, _ = told()
    async with running(world, tmp_path) as site:
        model = f"{site.url}/v1/models/fraud"
        why = await (await site.http.get(f"{model}/why?target=production")).json()
        assert set(why["answers"]) == {
            "serves",
            "accuracy",
            "trained",
            "data",
            "approved",
            "compared",
        }
        assert why["training"]["metrics"] == [["accuracy", "0.95"], ["auc", "0.97"]]
        past = await (await site.http.get(f"{model}/why?at=2020-01-01")).json()
        assert past["version"] is None
        assert (await site.http.get(f"{model}/why?at=soon")).status == 400
        versions = (await (await site.http.get(f"{model}/versions")).json())["versions"]
        assert [(one["number"], one["verdict"]) for one in versions] == [
            ("2", "passed"),
            ("1", "passed"),
        ]
        stuck = await (await site.http.get(f"{model}/why-not?version=2")).json()
        assert stuck["targets"][0]["state"] == "awaiting_approval"
        events = (await (await site.http.get(f"{model}/history")).json())["events"]
        assert events[0]["text"] == "fraud v1 was registered from run run1"


async def test_active_has_an_etag_that_staleness_does_not_move(tmp_path: Path) -> None:
    world, _ = told()
    async with running(world, tmp_path) as site:
        path = f"{site.url}/v1/models/fraud/active?target=production"
        answer = await site.http.get(path)
        found = await answer.json()
        assert found["serving"] == [{"version": "1", "run_id": "run1", "share": 100}]
        assert found["approved"] is True
        assert found["uri"] == "s3://models/1"
        await world.clock.jump(5)
        again = await site.http.get(path, headers={"If-None-Match": answer.headers["ETag"]})
        assert again.status == 304


async def test_ready_is_503_only_while_starting_or_draining(tmp_path: Path) -> None:
    world, _ = told()
    async with running(world, tmp_path) as site:
        world.report("registry", "connection refused")
        answer = await site.http.get(f"{site.url}/readyz")
        assert answer.status == 200
        down = (await answer.json())["dependencies"]["registry"]
        assert (down["state"], down["problem"]) == ("down", "connection refused")
        for phase in ("starting", "draining"):
            site.readiness.phase = phase
            assert (await site.http.get(f"{site.url}/readyz")).status == 503
        assert (await site.http.get(f"{site.url}/healthz")).status == 200


async def test_metrics_count_events_rows_and_products(tmp_path: Path) -> None:
    world, _ = told()
    async with running(world, tmp_path) as site:
        world.report("registry", "down")
        text = await (await site.http.get(f"{site.url}/metrics")).text()
        assert f"sluice_events {float((await status(world.known)).events)}" in text
        assert 'sluice_product_up{product="registry"} 0.0' in text
        assert 'sluice_work_rows{state="done"} 3.0' in text
