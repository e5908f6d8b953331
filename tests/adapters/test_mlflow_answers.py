"""Every answer MLflow, or what is before it, was seen to give: what it means for us."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from processor.adapters.http import Http
from processor.adapters.registries.mlflow import MlflowRegistry
from processor.errors import Forbidden, SluiceError, Terminal, Unavailable
from processor.values.registry import VersionSeen
from tests.adapters.answering import Answer, Served, answering, json_of, plain

WS = "default"
PAGE = "<!doctype html>\n<html lang=en>\n<title>500 Internal Server Error</title>"


def row(number: int, *, updated: int = 0, **more: object) -> dict[str, Any]:
    return {
        "name": "fraud",
        "version": str(number),
        "creation_timestamp": 1000 + number,
        "last_updated_timestamp": updated or 1000 + number,
        "current_stage": "None",
        "source": f"s3://models/{number}",
        "run_id": "",
        "status": "READY",
        **more,
    }


def page(*rows: dict[str, Any], token: str = "", **more: object) -> Answer:
    return json_of(200, json.dumps({"model_versions": rows, "next_page_token": token, **more}))


def error(status: int, code: str, message: str) -> Answer:
    return json_of(status, json.dumps({"error_code": code, "message": message}))


@asynccontextmanager
async def registry(
    *answers: Answer, timeout: float = 5.0
) -> AsyncIterator[tuple[MlflowRegistry, Served]]:
    async with (
        answering(*answers) as served,
        Http(product="registry", base_url=served.url, timeout=timeout, pause=0.001) as http,
    ):
        yield MlflowRegistry(registry_id="main", http=http), served


async def scan(it: MlflowRegistry) -> list[VersionSeen]:
    rows: list[VersionSeen] = []
    found = await it.page(WS, "")
    rows += found.rows
    while found.after:
        found = await it.page(WS, found.after)
        rows += found.rows
    return rows


READS: dict[str, Callable[[MlflowRegistry], Awaitable[object]]] = {
    "versions": lambda it: it.versions(WS, 0),
    "page": scan,
    "versions_of": lambda it: it.versions_of(WS, "fraud"),
    "tagged": lambda it: it.tagged(WS, "promote", 10),
    "models": lambda it: it.models(WS),
    "recent_models": lambda it: it.recent_models(WS, 10),
    "model": lambda it: it.model(WS, "fraud"),
    "version": lambda it: it.version(WS, "fraud", "1"),
    "run": lambda it: it.run(WS, "a" * 32),
}

TROUBLE = [
    ("a page of HTML for a 500", plain(500, PAGE, kind="text/html"), "a page of HTML"),
    ("JSON for a 500", error(500, "INTERNAL_ERROR", "database gone"), "database gone"),
    ("a busy server", error(503, "TEMPORARILY_UNAVAILABLE", "locked"), "locked"),
    ("a proxy's 502", plain(502, "<html>Bad Gateway</html>", kind="text/html"), "502"),
    ("a proxy's 504 in text", plain(504, "upstream request timeout"), "upstream"),
    ("a proxy's 408", plain(408, "slow"), "408"),
    ("too many", plain(429, "", headers={"Retry-After": "7"}), "429"),
    ("a wrong path", plain(404, PAGE.replace("500", "404"), kind="text/html"), "its address"),
    ("a gateway that knows no route", json_of(404, '{"message": "no Route matched"}'), "no Route"),
    ("FastAPI's own 404", json_of(404, '{"detail": "Not Found"}'), "404"),
    ("a sign-in page", plain(200, "<html>Sign in</html>", kind="text/html"), "sign-in page"),
    ("a redirect", plain(302, "", headers={"Location": "https://sso/x?token=1"}), "https://sso/x"),
    ("a host it does not know", plain(403, "Invalid Host header"), "--allowed-hosts"),
    ("no credentials", plain(401, "You are not authenticated."), "given none"),
    ("text", plain(200, "hello"), "without JSON"),
    ("half a JSON", json_of(200, '{"model_versions": [{"na'), "without JSON"),
    ("twice a JSON", json_of(200, "{}{}"), "without JSON"),
    ("a list", json_of(200, "[]"), "without JSON"),
    ("nothing at all", json_of(200, ""), "without JSON"),
    (
        "a database in the way, called a bad request",
        error(400, "BAD_REQUEST", "QueuePool limit (on this error at: https://sqlalche.me/e/20)"),
        "QueuePool",
    ),
    ("a race lost", error(409, "ABORTED", "try again"), "try again"),
]


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize(
    ("answer", "words"), [one[1:] for one in TROUBLE], ids=[one[0] for one in TROUBLE]
)
async def test_what_is_not_the_requests_fault_is_an_outage_and_never_an_absence(
    read: str, answer: Answer, words: str
) -> None:
    async with registry(answer) as (it, _):
        with pytest.raises(Unavailable) as caught:
            await READS[read](it)
    assert words in str(caught.value)
    assert not isinstance(caught.value, Forbidden)
    assert "token=1" not in str(caught.value)


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize(
    "answer",
    [plain(403, "Permission denied"), error(403, "PERMISSION_DENIED", "Permission denied")],
    ids=["text", "JSON"],
)
async def test_a_right_that_is_missing_is_said_to_be_so(read: str, answer: Answer) -> None:
    async with registry(answer) as (it, _):
        with pytest.raises(Forbidden, match=r"may not do this \(Permission denied\)"):
            await READS[read](it)


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("body", ['{"message": "x"}', '{"model_version": {"name": "fraud"}}', "{}"])
async def test_an_answer_without_what_belongs_there_is_an_outage(read: str, body: str) -> None:
    async with registry(json_of(200, body)) as (it, _):
        if read in {"model", "version", "run"}:
            with pytest.raises(Unavailable, match="without what belongs there"):
                await READS[read](it)
        else:
            assert await READS[read](it) in ([], ())  # MLflow leaves out an empty list


@pytest.mark.parametrize("lacking", ["name", "version", "creation_timestamp"])
async def test_a_row_that_lacks_who_it_is_is_an_outage(lacking: str) -> None:
    half = {key: value for key, value in row(1).items() if key != lacking}
    async with registry(page(row(2), half)) as (it, _):
        with pytest.raises(Unavailable, match=lacking):
            await scan(it)


async def test_unknown_fields_and_missing_ones_that_may_be_missing_are_read_over() -> None:
    odd = row(1, aliases=["x"], future={"a": 1}, tags=None, description=None, run_id=None)
    del odd["last_updated_timestamp"], odd["current_stage"], odd["source"]
    async with registry(page(odd, more=[1])) as (it, _):
        [seen] = await scan(it)
    assert (seen.version.number, seen.updated_ms, seen.stage) == ("1", 1001, "None")
    assert (seen.tags, seen.description, seen.run_id, seen.source) == ({}, "", "", "")


@pytest.mark.parametrize("code", ["RESOURCE_DOES_NOT_EXIST"])
async def test_only_mlflows_own_word_is_an_absence(code: str) -> None:
    async with registry(error(404, code, "not found")) as (it, _):
        assert await it.version(WS, "fraud", "1") is None
        assert await it.model(WS, "fraud") is None
        assert await it.run(WS, "a" * 32) is None


@pytest.mark.parametrize("status", [200, 400, 500])
async def test_that_word_under_another_status_is_none(status: int) -> None:
    async with registry(error(status, "RESOURCE_DOES_NOT_EXIST", "not found")) as (it, _):
        with pytest.raises(SluiceError):
            await it.version(WS, "fraud", "1")


async def test_a_workspace_that_is_gone_takes_nothing_with_it() -> None:
    gone = error(404, "RESOURCE_DOES_NOT_EXIST", "Workspace 'team-a' not found")
    async with registry(gone) as (it, served):
        for asked in (it.version("team-a", "fraud", "1"), it.model("team-a", "fraud")):
            with pytest.raises(Unavailable, match=r"workspace 'team-a' does not exist.*workspaces"):
                await asked
        with pytest.raises(Unavailable):
            await it.remove_alias("team-a", "fraud", "champion")
    assert {one.headers.get("X-MLFLOW-WORKSPACE") for one in served.asked} == {"team-a", None}


async def test_a_version_gone_from_a_workspace_that_is_there_is_gone() -> None:
    gone = error(404, "RESOURCE_DOES_NOT_EXIST", "Model Version (name=fraud) not found")
    async with registry(gone, json_of(200, '{"workspace": {"name": "team-a"}}')) as (it, served):
        assert await it.version("team-a", "fraud", "1") is None
    assert served.asked[1].path == "/api/3.0/mlflow/workspaces/team-a"


async def test_a_refusal_for_good_is_told_in_its_own_words() -> None:
    async with registry(error(400, "INVALID_PARAMETER_VALUE", "Invalid stage: Shining")) as (it, _):
        with pytest.raises(Terminal, match="Invalid stage: Shining"):
            await it.set_stage(WS, "fraud", "1", "Shining")


async def test_a_name_too_long_for_its_database_is_refused_for_good() -> None:
    words = "(psycopg2.errors.StringDataRightTruncation) value too long (https://sqlalche.me/e/20)"
    async with registry(error(400, "BAD_REQUEST", words)) as (it, _):
        with pytest.raises(Terminal, match="too long"):
            await it.set_alias(WS, "fraud", "champion", "1")


async def test_a_write_is_sent_once_whatever_comes_of_it() -> None:
    async with registry(plain(503, "no")) as (it, served):
        with pytest.raises(Unavailable):
            await it.set_stage(WS, "fraud", "1", "Staging")
        assert len(served.asked) == 1
        with pytest.raises(Unavailable):
            await it.version(WS, "fraud", "1")
    assert len(served.asked) == 1 + 3  # a read is tried again


async def test_a_slow_answer_is_an_outage_in_time() -> None:
    over = asyncio.Event()

    async def slow(_: web.Request) -> web.Response:
        await over.wait()
        return web.Response()

    async with registry(slow, timeout=0.05) as (it, served):
        with pytest.raises(Unavailable, match=r"no answer within 0\.05 s"):
            await it.versions(WS, 0)
        over.set()
    assert len(served.asked) == 3


async def test_an_answer_cut_off_is_an_outage() -> None:
    async def half(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b'{"model_versions": []}')
        assert request.transport is not None
        request.transport.close()
        return response

    async with registry(half) as (it, _):
        with pytest.raises(Unavailable, match="broke the answer off"):
            await it.versions(WS, 0)


async def test_a_connection_closed_after_each_answer_is_no_trouble() -> None:
    body = json.dumps({"model_versions": [row(1)]})
    closing = json_of(200, body, headers={"Connection": "close"})  # as 2.11's gunicorn does
    async with registry(closing) as (it, served):
        for _ in range(20):
            assert len(await scan(it)) == 1
    assert len(served.asked) == 20


async def test_a_token_that_expires_mid_scan_ends_it_and_loses_nothing() -> None:
    answers = [page(row(1), token="a"), page(row(2), token="b"), plain(401, "expired")]
    async with registry(*answers) as (it, served):
        first = await it.page(WS, "")
        second = await it.page(WS, first.after)
        with pytest.raises(Unavailable, match="401"):
            await it.page(WS, second.after)
        served.answers[:] = [page(row(3))]
        third = await it.page(WS, second.after)  # the same page, once the token is renewed
    assert [one.version.number for one in (*first.rows, *second.rows, *third.rows)] == list("123")
    assert "page_token=b" in served.asked[-1].query


async def test_a_page_repeated_for_ever_ends() -> None:
    async with registry(page(row(1), token="a")) as (it, _):
        with pytest.raises(Unavailable, match="same page"):
            await scan(it)
        with pytest.raises(Unavailable, match="same page"):
            await it.versions(WS, 0)


async def test_the_newest_are_read_only_as_far_as_asked() -> None:
    async with registry(page(row(3, updated=30), row(2, updated=20), token="a")) as (it, served):
        assert [one.updated_ms for one in await it.versions(WS, 25)] == [30]
    assert len(served.asked) == 1


async def test_an_answer_in_another_order_loses_no_change() -> None:
    answers = [page(row(1, updated=10), row(4, updated=40), token="a"), page(row(3, updated=30))]
    async with registry(*answers) as (it, served):
        assert [one.updated_ms for one in await it.versions(WS, 25)] == [40, 30]
    assert len(served.asked) == 2


async def test_a_row_that_slides_onto_the_next_page_comes_once() -> None:
    answers = [page(row(3), row(2), token="a"), page(row(2), row(1))]
    async with registry(*answers) as (it, _):
        assert [one.version.number for one in await it.versions(WS, 0)] == ["3", "2", "1"]


async def test_prompts_are_no_models() -> None:
    prompt = row(1, tags=[{"key": "mlflow.prompt.is_prompt", "value": "true"}])
    answers = [page(prompt, row(2)), json_of(200, json.dumps({"model_version": prompt}))]
    async with registry(*answers) as (it, _):
        assert [one.version.number for one in await scan(it)] == ["2"]
        assert await it.version(WS, "fraud", "1") is None


async def test_a_path_prefix_is_kept_and_queries_are_spelled_out() -> None:
    async with (
        answering(json_of(200, "{}")) as served,
        Http(product="registry", base_url=f"{served.url}/ml/flow/") as http,
    ):
        await MlflowRegistry(registry_id="main", http=http).versions_of(WS, "it's 100% für dich+")
    [asked] = served.asked
    assert asked.path == "/ml/flow/api/2.0/mlflow/model-versions/search"
    assert "filter=name%20LIKE%20%27it%25s%20100%25%20f%C3%BCr%20dich%25%27" in asked.query
    assert "+" not in asked.query
