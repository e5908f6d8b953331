"""Host, Origin, cookies, form tokens, escaping and problems: what strangers try."""

import json
import stat
from pathlib import Path
from urllib.parse import quote

import pytest
from yarl import URL

from tests.views.world import BO, HEAD, World
from tests.web.site import running

ODD = [
    "../../etc/passwd",
    "a/b",
    "<script>alert(1)</script>",
    "m\u00f6dell \u4e2d",
    "a b%2F?#&",
    "..",
]


def proposed(model: str = "fraud") -> tuple[World, str]:
    world = World()
    version = world.registered(model)
    world.judged(version)
    return world, world.proposed(version, by=BO)


async def test_a_strange_host_name_gets_nothing(tmp_path: Path) -> None:
    async with running(World(), tmp_path) as site:
        for host in ("evil.example", "127.0.0.1.evil.example", "evil.example:80", "["):
            answer = await site.http.get(f"{site.url}/v1/status", headers={"Host": host})
            assert answer.status in {400, 421}, host
        for host in ("localhost:9", "[::1]:9", "LOCALHOST"):
            answer = await site.http.get(f"{site.url}/v1/status", headers={"Host": host})
            assert answer.status == 200, host


async def test_every_answer_carries_the_headers(tmp_path: Path) -> None:
    async with running(World(), tmp_path) as site:
        for path in ("/", "/v1/status", "/static/style.css", "/nothing", "/v1/promotions/x"):
            answer = await site.http.get(site.url + path)
            policy = answer.headers["Content-Security-Policy"]
            assert "frame-ancestors 'none'" in policy
            assert "script" not in policy
            assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_the_cookie_is_strict_and_hidden_from_scripts(tmp_path: Path) -> None:
    async with running(World(), tmp_path) as site:
        answer = await site.http.post(
            f"{site.url}/sign-in", data={"token": site.link_token("ana")}, allow_redirects=False
        )
        cookie = answer.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert "Path=/" in cookie


async def test_looking_at_a_link_does_not_use_it_and_using_it_does(tmp_path: Path) -> None:
    async with running(World(), tmp_path) as site:
        token = site.link_token("ana")
        page = await site.http.get(f"{site.url}/sign-in?token={token}")
        assert token in await page.text()
        first = await site.http.post(f"{site.url}/sign-in", json={"token": token})
        assert (await first.json())["person"] == "ana"
        again = await site.http.post(f"{site.url}/sign-in", json={"token": token})
        assert again.status == 401
        assert site.link_token("ana") != token
        await site.bearer("ana")  # the file holds a new one that works
        assert stat.S_IMODE(site.links_file.stat().st_mode) == 0o600


async def test_no_token_is_kept_as_it_is_and_sessions_outlive_a_restart(tmp_path: Path) -> None:
    world, promotion = proposed()
    async with running(world, tmp_path) as site:
        header = await site.bearer("ana")
    kept = tmp_path / "sessions.json"
    assert header["Authorization"].removeprefix("Bearer ") not in kept.read_text()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    async with running(world, tmp_path) as site:
        answer = await site.http.post(
            f"{site.url}/v1/promotions/{promotion}/approve",
            json={"head_sha": HEAD},
            headers={**header, "Idempotency-Key": "k"},
        )
        assert answer.status == 200
        await world.clock.jump(31 * 86400)
        late = await site.http.post(
            f"{site.url}/v1/promotions/{promotion}/approve",
            json={"head_sha": HEAD},
            headers={**header, "Idempotency-Key": "k"},
        )
        assert late.status == 401
    kept.write_text("{")  # unreadable: everybody signs in again
    async with running(world, tmp_path) as site:
        assert await site.bearer("ana")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_nothing_is_changed_from_elsewhere(tmp_path: Path, headers: dict[str, str]) -> None:
    async with running(World(), tmp_path) as site:
        token = site.link_token("ana")
        answer = await site.http.post(f"{site.url}/sign-in", data={"token": token}, headers=headers)
        assert answer.status == 403
        assert site.link_token("ana") == token
        fine = {"Origin": site.url, "Sec-Fetch-Site": "same-origin"}
        answer = await site.http.post(
            f"{site.url}/sign-in", data={"token": token}, headers=fine, allow_redirects=False
        )
        assert answer.status == 303


async def test_a_form_needs_a_session_and_its_own_token(tmp_path: Path) -> None:
    world, promotion = proposed()
    async with running(world, tmp_path) as site:
        page = f"{site.url}/promotions/{promotion}"
        form = {"head_sha": HEAD, "idempotency_key": "k"}
        assert (await site.http.post(f"{page}/approve", data=form)).status == 401
        await site.cookie("ana")
        assert (await site.http.post(f"{page}/approve", data=form)).status == 403
        wrong = {**form, "form_token": "f" * 64}
        assert (await site.http.post(f"{page}/approve", data=wrong)).status == 403
        text = await (await site.http.get(page)).text()
        token = text.partition('name="form_token" value="')[2].partition('"')[0]
        count = len(world.happened)
        answer = await site.http.post(f"{page}/approve", data={**form, "form_token": token})
        assert answer.status == 200, await answer.text()
        assert len(world.happened) == count + 1
        assert "ana" in (await answer.text()).partition("Approvals")[2]
        out = await site.http.post(f"{site.url}/sign-out", data={"form_token": token})
        assert "open your sign-in link" in await out.text()


async def test_cookies_do_not_count_on_the_api(tmp_path: Path) -> None:
    world, promotion = proposed()
    async with running(world, tmp_path) as site:
        await site.cookie("ana")
        answer = await site.http.post(
            f"{site.url}/v1/promotions/{promotion}/approve",
            json={"head_sha": HEAD},
            headers={"Idempotency-Key": "k"},
        )
        assert answer.status == 401
        for bad in ("Bearer", "Bearer nothing", "Basic YTpi", "Bearer \u00e9"):
            answer = await site.http.post(
                f"{site.url}/v1/promotions/{promotion}/approve",
                json={"head_sha": HEAD},
                headers={"Idempotency-Key": "k", "Authorization": bad},
            )
            assert answer.status == 401, bad
            assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("model", ODD)
async def test_odd_model_names_work_everywhere_and_stay_text(tmp_path: Path, model: str) -> None:
    world, promotion = proposed(model)
    async with running(world, tmp_path) as site:
        name = quote(model, safe="")
        for question in ("why", "why-not", "versions", "active", "history"):
            answer = await site.http.get(_exact(f"{site.url}/v1/models/{name}/{question}"))
            assert answer.status == 200, (question, await answer.text())
            assert (await answer.json())["model"] == model
        for path in ("/", f"/models/{name}", f"/promotions/{promotion}"):
            answer = await site.http.get(_exact(site.url + path))
            text = await answer.text()
            assert answer.status == 200
            assert "<script" not in text
        board = await (await site.http.get(site.url)).text()
        assert f"/models/{name}?workspace=default" in board


async def test_a_problem_is_rfc_9457_for_programs_and_a_page_for_people(tmp_path: Path) -> None:
    async with running(World(), tmp_path) as site:
        answer = await site.http.get(f"{site.url}/v1/models/nobody/why")
        assert answer.content_type == "application/problem+json"
        problem = json.loads(await answer.text())
        assert (problem["status"], problem["title"]) == (404, "No such model")
        page = await site.http.get(f"{site.url}/models/<b>nobody", headers={"Accept": "text/html"})
        text = await page.text()
        assert (page.status, page.content_type) == (404, "text/html")
        assert "<b>nobody" not in text
        wrong = await site.http.delete(f"{site.url}/v1/promotions")
        assert (wrong.status, wrong.content_type) == (405, "application/problem+json")


async def test_a_bug_shows_nothing_of_the_inside(tmp_path: Path) -> None:
    world = World()

    async def broken() -> None:
        raise ZeroDivisionError("secret detail")

    world.summary = broken  # type: ignore[method-assign,assignment]
    async with running(world, tmp_path) as site:
        answer = await site.http.get(f"{site.url}/v1/status")
        assert answer.status == 500
        assert "secret" not in await answer.text()


def _exact(url: str) -> URL:
    """Return a URL the client does not tidy up."""
    return URL(url, encoded=True)
