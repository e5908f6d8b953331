"""What stops, holds and repairs, over HTTP and on the pages."""

from datetime import timedelta
from pathlib import Path

from processor import events as e
from processor.values.principal import Principal
from processor.values.version import Version
from tests.views.world import ANA, BO, HEAD, START, World, switches_in
from tests.web.site import Running, running

FORMS = 'name="form_token" value="'


def told() -> tuple[World, str]:
    world = World()
    version = world.registered()
    world.judged(version)
    return world, world.proposed(version, by=BO)


async def posted(
    site: Running, path: str, body: dict[str, str], key: str = "k"
) -> tuple[int, dict[str, object]]:
    headers = {**await site.bearer("ana"), "Idempotency-Key": key}
    answer = await site.http.post(f"{site.url}{path}", json=body, headers=headers)
    return answer.status, await answer.json()


async def test_pause_and_resume_of_all_and_of_one_model(tmp_path: Path) -> None:
    world, _ = told()
    async with running(world, tmp_path) as site:
        assert (await posted(site, "/v1/pause", {"reason": "moving"}))[0] == 200
        assert (await posted(site, "/v1/pause", {"reason": "moving"}))[0] == 200
        assert len([one for one in world.happened if isinstance(one.event, e.WritesPaused)]) == 1
        status, problem = await posted(site, "/v1/pause", {"reason": "x", "model": "frod"}, "2")
        assert (status, problem["title"]) == (404, "No such model")
        assert "did you mean fraud?" in str(problem["detail"])
        assert (await posted(site, "/v1/pause", {"reason": "x", "model": "fraud"}, "3"))[0] == 200
        found = await (await site.http.get(f"{site.url}/v1/status")).json()
        assert [one["command"] for one in found["pauses"]] == [
            "sluice resume",
            "sluice resume --model fraud",
        ]
        assert found["well"] is False
        ready = await site.http.get(f"{site.url}/readyz")
        assert ready.status == 200  # a paused process is not one to restart
        assert [one["reason"] for one in (await ready.json())["pauses"]] == ["moving", "x"]
        assert (await posted(site, "/v1/resume", {}, "4"))[0] == 200
        status, problem = await posted(site, "/v1/resume", {}, "5")
        assert (status, problem["title"]) == (409, "Not paused")
        assert (await posted(site, "/v1/resume", {"model": "fraud"}, "6"))[0] == 200
        found = await (await site.http.get(f"{site.url}/v1/status")).json()
        assert (found["pauses"], found["well"]) == ([], True)


async def test_hold_and_release(tmp_path: Path) -> None:
    world, _ = told()
    path = "/v1/models/fraud/targets/production"
    until = (START + timedelta(days=7)).isoformat()
    async with running(world, tmp_path) as site:
        assert (await posted(site, f"{path}/hold", {"reason": "audit", "until": until}))[0] == 200
        found = await (await site.http.get(f"{site.url}/v1/status")).json()
        (hold,) = found["holds"]
        assert (hold["target"], hold["by"], hold["reason"]) == ("production", "ana", "audit")
        assert hold["until"] == "2026-01-08T00:00:00Z"
        assert hold["command"] == "sluice release fraud --target production"
        assert found["well"] is True  # a hold is a decision, not a trouble
        for body, status in (({"reason": ""}, 400), ({"reason": "x", "until": "soon"}, 400)):
            assert (await posted(site, f"{path}/hold", body, "2"))[0] == status
        status, problem = await posted(
            site, "/v1/models/fraud/targets/prod/hold", {"reason": "x"}, "3"
        )
        assert (status, "did you mean production?" in str(problem["detail"])) == (404, True)
        assert (await posted(site, f"{path}/release", {}, "4"))[0] == 200
        assert (await posted(site, f"{path}/release", {}, "5"))[0] == 409


async def test_dead_rows_are_listed_retried_and_dropped(tmp_path: Path) -> None:
    world, _ = told()
    world.row("dead", "propose", "no such file")
    world.row("dead", "announce", "gone")
    async with running(world, tmp_path) as site:
        rows = (await (await site.http.get(f"{site.url}/v1/work?state=dead")).json())["rows"]
        assert [(row["id"], row["handler"], row["model"]) for row in rows] == [
            (10, "announce", "fraud"),
            (9, "propose", "fraud"),
        ]
        assert rows[1]["event"] == "promotion.proposed"
        assert (await site.http.get(f"{site.url}/v1/work?state=odd")).status == 400
        assert (await posted(site, "/v1/work/9/retry", {"reason": "mended"}))[0] == 200
        assert (await posted(site, "/v1/work/9/retry", {"reason": "mended"}))[0] == 200
        status, problem = await posted(site, "/v1/work/9/drop", {"reason": "x"}, "2")
        assert (status, problem["detail"]) == (409, "row 9 of propose is ready, not dead")
        assert (await posted(site, "/v1/work/10/drop", {}, "3"))[0] == 400
        assert (await posted(site, "/v1/work/10/drop", {"reason": "x"}, "4"))[0] == 200
        for odd in ("99", "x", "1e3", "-1", "9" * 30):
            assert (await posted(site, f"/v1/work/{odd}/retry", {}, odd))[0] == 404
        assert (await (await site.http.get(f"{site.url}/v1/work")).json())["rows"] == []


async def test_nobody_stops_anything_without_a_token(tmp_path: Path) -> None:
    world, _ = told()
    world.row("dead", "propose", "no such file")
    count = len(world.happened)
    paths = ("/v1/pause", "/v1/resume", "/v1/work/9/retry", "/v1/work/9/drop")
    target = "/v1/models/fraud/targets/production"
    async with running(world, tmp_path) as site:
        await site.cookie("ana")  # a cookie does not count here
        for path in (*paths, f"{target}/hold", f"{target}/release"):
            answer = await site.http.post(
                f"{site.url}{path}", json={"reason": "x"}, headers={"Idempotency-Key": "k"}
            )
            assert answer.status == 401, path
            assert "sluice sign-in LINK" in (await answer.json())["detail"]
    assert len(world.happened) == count


async def test_every_page_says_that_writes_are_paused_and_how_to_lift_it(tmp_path: Path) -> None:
    world, promotion = told()
    world.registered("other")
    on = switches_in(world)
    async with running(world, tmp_path) as site:
        pages = [site.url, f"{site.url}/models/fraud", f"{site.url}/promotions/{promotion}"]
        for page in pages:
            text = await (await site.http.get(page)).text()
            assert "aused" not in text
            assert "Held" not in text
        await on.pause(ANA, "main/default/fraud", "bad <data>", "1")
        await on.hold(
            BO, "main/default/fraud", "production", "audit", "2", until=START + timedelta(days=1)
        )
        for page in pages:
            text = await (await site.http.get(page)).text()
            assert "1 model paused" in text, page
            assert "writes about fraud are paused by ana: bad &lt;data&gt;" in text
            assert "<code>sluice resume --model fraud</code>" in text
            assert "production of fraud is held by bo until 2026-01-02 00:00:00 UTC: audit" in text
            assert "<code>sluice release fraud --target production</code>" in text
        other = await (await site.http.get(f"{site.url}/models/other")).text()
        assert "1 model paused" in other  # the header
        assert "bad" not in other  # and not its note
        await on.pause(ANA, "", "moving", "3")
        text = await (await site.http.get(f"{site.url}/models/other")).text()
        assert "all writes paused" in text
        assert "all writes are paused by ana: moving" in text


async def test_dead_rows_have_their_forms_on_the_board(tmp_path: Path) -> None:
    world, _ = told()
    world.row("dead", "propose", "no such <file>")
    world.row("dead", "announce", "gone")
    async with running(world, tmp_path) as site:
        text = await (await site.http.get(site.url)).text()
        assert "no such &lt;file&gt;" in text
        assert "<code>sluice dead retry 9</code>" in text
        assert "<form" not in text
        form = {"idempotency_key": "k", "reason": "x"}
        assert (await site.http.post(f"{site.url}/rows/9/retry", data=form)).status == 401
        await site.cookie("ana")
        assert (await site.http.post(f"{site.url}/rows/9/retry", data=form)).status == 403
        text = await (await site.http.get(site.url)).text()
        token = text.partition(FORMS)[2].partition('"')[0]
        elsewhere = {"Origin": "http://evil.example"}
        form["form_token"] = token
        answer = await site.http.post(f"{site.url}/rows/9/retry", data=form, headers=elsewhere)
        assert answer.status == 403
        assert [row.state for row in world.turns] == ["dead", "dead"]
        answer = await site.http.post(f"{site.url}/rows/9/retry", data=form)
        assert (answer.status, answer.url.path) == (200, "/")
        form["idempotency_key"] = "k2"
        assert (
            await site.http.post(f"{site.url}/rows/10/drop", data={**form, "reason": ""})
        ).status == 400
        assert (await site.http.post(f"{site.url}/rows/10/drop", data=form)).status == 200
        assert [row.state for row in world.turns] == ["ready", "dropped"]
        assert world.happened[-1].event.head.actor == ANA


async def test_metrics_tell_of_pauses_holds_and_dead_rows_within_bounds(tmp_path: Path) -> None:
    world = World()
    on = switches_in(world)
    for number in range(60):
        world.registered(f"m{number:02}")
        await on.pause(ANA, f"main/default/m{number:02}", "x", f"k{number}")
    await on.hold(ANA, "main/default/m00", "production", "x", "h")
    world.row("dead", "propose", "no such file")
    async with running(world, tmp_path) as site:
        text = await (await site.http.get(f"{site.url}/metrics")).text()
        assert 'sluice_writes_paused{model="*"} 0.0' in text
        assert text.count("sluice_writes_paused{") == 51
        assert "sluice_targets_held 1.0" in text
        assert "sluice_work_dead 1.0" in text
        await on.pause(ANA, "", "all", "all")
        for number in range(60):
            await on.resume(ANA, f"main/default/m{number:02}", "", f"r{number}")
        text = await (await site.http.get(f"{site.url}/metrics")).text()
        assert 'sluice_writes_paused{model="*"} 1.0' in text
        assert text.count("sluice_writes_paused{") == 1


async def test_what_the_gates_and_a_hold_owe_is_listed_with_what_people_owe(tmp_path: Path) -> None:
    world, promotion = told()
    path = f"/v1/promotions/{promotion}"
    async with running(world, tmp_path) as site:
        page = (await (await site.http.get(site.url + path)).json())["promotion"]
        assert page["unmet"] == ["1 approval missing; can be given by ana"]
        world.judged(Version("main", "default", "fraud", "1", 1001), "failed")
        await switches_in(world).hold(
            Principal("tina", "authenticated"), "main/default/fraud", "production", "audit", "k"
        )
        page = (await (await site.http.get(site.url + path)).json())["promotion"]
        assert page["unmet"][0].startswith("held by tina since")
        assert page["unmet"][1:] == [
            "its newest evaluation failed",
            "1 approval missing; can be given by ana",
        ]
        text = await (await site.http.get(f"{site.url}/promotions/{promotion}")).text()
        assert "its newest evaluation failed" in text
        assert HEAD[:12] in text
