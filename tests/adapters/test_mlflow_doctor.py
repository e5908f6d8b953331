"""What `sluice doctor` says of an MLflow: each trap with its fix, and none that is not there."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from aiohttp import web

from processor.adapters.http import Http
from processor.adapters.registries.mlflow import MlflowRegistry
from processor.adapters.registries.remarks import Watch
from processor.app import check
from processor.settings.load import load
from processor.values.registry import Remark
from tests.adapters.answering import Answer, answering, json_of, plain

HOOK = "http://sluice.ml.svc:8080/hooks/mlflow"
HTML = plain(404, "<!doctype html><title>404</title>", kind="text/html")
NO_WORKSPACES = json_of(200, '{"workspaces_enabled": false}')
MODELS = "/api/2.0/mlflow/registered-models/search"
INFO, LIST = "/api/3.0/mlflow/server-info", "/api/3.0/mlflow/workspaces"
HOOKS = "/api/2.0/mlflow/webhooks"
OF_A_MODEL = json.dumps({"registered_models": [{"name": "m", "last_updated_timestamp": 7}]})
PLAIN: Mapping[str, Answer] = {
    "/health": plain(200, "OK"),
    "/version": plain(200, "3.17.2"),
    INFO: NO_WORKSPACES,
    MODELS: json_of(200, OF_A_MODEL),
    HOOKS: json_of(200, "{}"),
}
ALL = [
    *(("REGISTERED_MODEL", "CREATED"), ("MODEL_VERSION", "CREATED")),
    *(("MODEL_VERSION_TAG", "SET"), ("MODEL_VERSION_TAG", "DELETED")),
    *(("MODEL_VERSION_ALIAS", "CREATED"), ("MODEL_VERSION_ALIAS", "DELETED")),
]


def routed(answers: Mapping[str, Answer]) -> Answer:
    async def answer(request: web.Request) -> web.StreamResponse:
        return await answers.get(request.path, HTML)(request)

    return answer


async def of(answers: Mapping[str, Answer], watch: Watch | None = None) -> list[Remark]:
    async with (
        answering(routed({**PLAIN, **answers})) as served,
        Http(product="registry", base_url=served.url, pause=0.001) as http,
    ):
        it = MlflowRegistry(registry_id="main", http=http, watch=watch or Watch())
        return list(await it.remarks())


def wrong(found: list[Remark]) -> list[str]:
    return [one.text for one in found if not one.fine]


async def test_nothing_is_wrong_with_a_plain_server() -> None:
    found = await of({})
    assert wrong(found) == []
    assert [one.text.partition(",")[0] for one in found] == [
        "its clock agrees with ours",
        "workspace 'default' can be read",
        "changes are found by looking",
    ]


@pytest.mark.parametrize(
    ("date", "words"),
    [
        ("Mon, 01 Jan 2001 00:00:00 GMT", "s behind ours"),
        ("Fri, 01 Jan 2100 00:00:00 GMT", "s before ours"),
    ],
)
async def test_a_clock_that_is_off_is_told(date: str, words: str) -> None:
    [text] = wrong(await of({"/health": plain(200, "OK", headers={"Date": date})}))
    assert words in text
    assert "NTP" in text


async def test_passwords_that_cost_are_told_with_the_cache_that_helps() -> None:
    async def dear(_: web.Request) -> web.Response:
        await asyncio.sleep(0.2)
        return web.Response(text="3.17.2")

    [text] = wrong(await of({"/version": dear}, Watch(password=True)))
    assert "to check the password: write auth_cache_ttl_seconds = 60" in text
    assert wrong(await of({"/version": dear})) == []  # no password is sent, so none is checked
    assert wrong(await of({}, Watch(password=True))) == []


async def test_any_certificate_believed_is_told() -> None:
    found = await of({}, Watch(insecure=True))
    assert wrong(found) == []
    assert "name the authority in registry.tls.ca instead" in found[1].text


# -- workspaces -----------------------------------------------------------------------------

ENABLED = {
    INFO: json_of(200, '{"workspaces_enabled": true}'),
    LIST: json_of(200, '{"workspaces": [{"name": "default"}, {"name": "team-a"}]}'),
}


async def test_workspaces_nobody_watches_are_told() -> None:
    found = await of(ENABLED)
    assert wrong(found) == []
    assert any(
        "nobody here watches: team-a; add them to registry.workspaces" in r.text for r in found
    )


async def test_all_workspaces_watched_is_fine() -> None:
    found = await of(ENABLED, Watch(workspaces=("default", "team-a")))
    assert wrong(found) == []
    assert not any("nobody here watches" in one.text for one in found)


async def test_a_workspace_it_does_not_have_is_told() -> None:
    [text] = wrong(await of(ENABLED, Watch(workspaces=("team-a", "team-x"))))
    assert text.startswith("there is no workspace 'team-x', or our user may not see it; it has")
    assert "correct registry.workspaces" in text


@pytest.mark.parametrize("info", [NO_WORKSPACES, HTML], ids=["without", "older"])
async def test_workspaces_of_a_server_without_them_are_told(info: Answer) -> None:
    [text] = wrong(await of({INFO: info}, Watch(workspaces=("default", "team-a"))))
    assert "set it to [default], or start MLflow with --enable-workspaces" in text


async def test_a_workspace_we_may_not_list_is_read_all_the_same() -> None:
    answers = {**ENABLED, LIST: plain(403, "Permission denied")}
    assert wrong(await of(answers, Watch(workspaces=("team-a",)))) == []
    answers[MODELS] = plain(403, "Permission denied")
    [text] = wrong(await of(answers, Watch(workspaces=("team-a",))))
    assert "workspace 'team-a' cannot be read: 403 on registered-models/search" in text


async def test_answers_that_go_back_in_time_are_told() -> None:
    behind = [9, 7, 9, 7, 9]

    async def mixed(_: web.Request) -> web.Response:
        row = {"name": "m", "last_updated_timestamp": behind.pop()}
        return web.json_response({"registered_models": [row]})

    [text] = wrong(await of({MODELS: mixed}))
    assert "--read-replica-backend-store-uri" in text


# -- webhooks -------------------------------------------------------------------------------


def hooks(
    url: str = HOOK, *, events: list[tuple[str, str]] | None = None, **more: object
) -> Answer:
    told = [{"entity": one, "action": two} for one, two in events or ALL]
    row = {"name": "sluice", "url": url, "events": told, "status": "ACTIVE", **more}
    return json_of(200, json.dumps({"webhooks": [row]}))


WANTED = Watch(hook_url=HOOK)


async def test_a_webhook_that_comes_is_fine() -> None:
    found = await of({HOOKS: hooks()}, WANTED)
    assert wrong(found) == []
    assert "tells of no stage, description, rename or deletion" in found[-1].text


@pytest.mark.parametrize(
    ("url", "needs"),
    [
        (HOOK, ["ALLOWED_SCHEMES", "ALLOW_PRIVATE_IPS"]),
        ("https://10.1.2.3/hooks/mlflow", ["ALLOW_PRIVATE_IPS"]),
        ("https://sluice.example.org/hooks/mlflow", []),
    ],
)
async def test_a_missing_webhook_is_told_with_how_to_make_it(url: str, needs: list[str]) -> None:
    [text] = wrong(await of({HOOKS: hooks("https://elsewhere")}, Watch(hook_url=url)))
    assert f"it has no webhook to {url}" in text
    assert "curl -X POST" in text
    made = json.loads(text.partition("-d '")[2].partition("'")[0])
    assert [(one["entity"], one["action"]) for one in made["events"]] == ALL
    assert made["secret"] == "SECRET"
    every = ["ALLOWED_SCHEMES", "ALLOW_PRIVATE_IPS"]
    assert [one for one in every if f"MLFLOW_WEBHOOK_{one}" in text] == needs
    assert "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY" in text


async def test_a_webhook_switched_off_or_short_of_events_is_told() -> None:
    assert wrong(await of({HOOKS: hooks(status="DISABLED")}, WANTED)) == [
        "its webhook 'sluice' is DISABLED: activate it"
    ]
    [text] = wrong(await of({HOOKS: hooks(events=ALL[:-1])}, WANTED))
    assert "does not tell model_version_alias.deleted" in text


@pytest.mark.parametrize(
    ("answer", "fine", "words"),
    [
        (HTML, True, "came with 3.3"),
        (plain(403, "Permission denied"), True, "only by administrators"),
        (json_of(500, "{}"), False, "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY"),
        (json_of(400, '{"message": "no"}'), True, "cannot be listed (400"),
    ],
)
async def test_webhooks_that_cannot_be_listed_are_explained(
    answer: Answer, words: str, *, fine: bool
) -> None:
    last = (await of({HOOKS: answer}, WANTED))[-1]
    assert last.fine == fine
    assert words in last.text


# -- as a whole -----------------------------------------------------------------------------

CONFIG = """\
registry: {{url: "{url}", token_file: token}}
forges: {{acme: {{local: {{path: repos}}}}}}
clusters: {{prod: {{local: {{url: "http://127.0.0.1:9"}}}}}}
people: {{ana: {{}}}}
policies: []
"""


async def lines_of(folder: Path, answers: Mapping[str, Answer]) -> list[str]:
    (folder / "token").write_text("t-1")
    async with answering(routed({**PLAIN, **answers})) as served:
        (folder / "sluice.yaml").write_text(CONFIG.format(url=served.url))
        lines = await check(load(folder / "sluice.yaml"))
    return [line for line in lines if "registry" in line]


async def test_doctor_prints_the_remarks(tmp_path: Path) -> None:
    first, *rest = await lines_of(tmp_path, {})
    assert first.startswith("ok: registry: MLflow 3.17.2 at http://127.0.0.1:")
    assert rest[0] == "ok: registry: its clock agrees with ours"
    assert len(rest) == 3


async def test_doctor_prints_one_line_of_a_server_that_does_not_know_its_host(
    tmp_path: Path,
) -> None:
    [line] = await lines_of(tmp_path, {"/version": plain(403, "Invalid Host header")})
    assert line.startswith("not ok: registry: 403 Invalid Host header")
    assert "--allowed-hosts" in line
