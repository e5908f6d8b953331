"""A hook of MLflow's: only whoever knows the secret is heard, and nothing it says is a fact."""

import base64
import hashlib
import hmac
import io
import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from processor.values.wakeup import Hinted
from tests.views.world import World
from tests.web.site import Running, running

SECRET = "hook-secret"


def said(entity: str, action: str, **data: Any) -> dict[str, Any]:
    return {"entity": entity, "action": action, "timestamp": "2026-01-01T00:00:00Z", "data": data}


REGISTERED = said("model_version", "created", name="fraud", version="7", run_id="r", tags={})


def signed(
    site: Running,
    body: bytes,
    *,
    secret: str = SECRET,
    delivery: str = "0b0e2f0c-1",
    late: float = 0.0,
) -> dict[str, str]:
    """Return the headers MLflow sends with a body."""
    moment = site.world.clock.now() - timedelta(seconds=late)
    at = str(int(moment.timestamp()))
    text = f"{delivery}.{at}.".encode() + body
    made = base64.b64encode(hmac.digest(secret.encode(), text, hashlib.sha256)).decode()
    return {
        "Content-Type": "application/json",
        "X-MLflow-Delivery-Id": delivery,
        "X-MLflow-Timestamp": at,
        "X-MLflow-Signature": f"v1,{made}",
    }


async def send(
    site: Running,
    document: object,
    headers: Mapping[str, str | None] | None = None,
    **how: Any,
) -> tuple[int, Any]:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    sent = {**signed(site, body, **how), **(headers or {})}
    given = {name: value for name, value in sent.items() if value is not None}
    answer = await site.http.post(f"{site.url}/hooks/mlflow", data=body, headers=given)
    return answer.status, await answer.json()


@pytest.mark.parametrize(
    ("document", "subject"),
    [
        (REGISTERED, Hinted("fraud", "7")),
        (said("registered_model", "created", name="a b/'c'", tags={}), Hinted("a b/'c'")),
        (
            said("model_version_tag", "set", name="fraud", version="7", key="k", value="v"),
            Hinted("fraud", "7"),
        ),
        (
            said("model_version_tag", "deleted", name="fraud", version="7", key="k"),
            Hinted("fraud", "7"),
        ),
        (
            said("model_version_alias", "created", name="fraud", alias="champion", version="7"),
            Hinted("fraud"),
        ),
        (said("model_version_alias", "deleted", name="fraud", alias="champion"), Hinted("fraud")),
        ({**REGISTERED, "workspace": "another"}, Hinted("fraud", "7")),
    ],
)
async def test_a_hook_becomes_a_wakeup_of_what_it_names_and_no_event(
    tmp_path: Path, document: dict[str, Any], subject: Hinted
) -> None:
    async with running(World(), tmp_path) as site:
        site.hook_file.write_text(SECRET)
        assert await send(site, document) == (202, {"wakeup": "stored"})
        assert site.hooks.put_there == [("registry", subject, "0b0e2f0c-1")]
        assert site.hooks.woken == ["named"]
        assert site.world.appends == 0


@pytest.mark.parametrize(
    "document",
    [
        said("prompt_version", "created", name="greeting", version="1"),
        said("model_version", "transitioned", name="fraud", version="7"),
        said("budget_policy", "exceeded"),
        {"entity": ["a"], "action": {}},
        {},
    ],
)
async def test_an_unknown_kind_is_202_and_wakes_the_look_at_what_changed(
    tmp_path: Path, document: dict[str, Any]
) -> None:
    async with running(World(), tmp_path) as site:
        site.hook_file.write_text(SECRET)
        assert await send(site, document) == (202, {"wakeup": "none"})
        assert site.hooks.put_there == []
        assert site.hooks.woken == ["changes"]


async def test_a_repeated_delivery_is_202_and_stored_once(tmp_path: Path) -> None:
    async with running(World(), tmp_path) as site:
        site.hook_file.write_text(SECRET)
        assert await send(site, REGISTERED) == (202, {"wakeup": "stored"})
        for late in (0, 7, 130):  # MLflow's retries carry the first attempt's id and time
            assert await send(site, REGISTERED, late=late) == (202, {"wakeup": "known"})
        assert len(site.hooks.put_there) == 1
        assert site.hooks.woken == ["named"]
        assert await send(site, REGISTERED, delivery="another") == (202, {"wakeup": "stored"})


async def test_a_new_secret_works_beside_the_old_one_and_the_file_is_read_again(
    tmp_path: Path,
) -> None:
    async with running(World(), tmp_path) as site:
        site.hook_file.write_text(f"new-one\n\n{SECRET}\n")
        assert (await send(site, REGISTERED, delivery="1"))[0] == 202
        assert (await send(site, REGISTERED, delivery="2", secret="new-one"))[0] == 202
        site.hook_file.write_text("new-one\n")
        assert (await send(site, REGISTERED, delivery="3"))[0] == 401
        assert (await send(site, REGISTERED, delivery="4", secret="new-one"))[0] == 202
        site.hook_file.write_text("\n")
        assert (await send(site, REGISTERED, delivery="5", secret=""))[0] == 404


async def test_without_a_secret_there_is_no_such_hook(tmp_path: Path) -> None:
    async with running(World(), tmp_path) as site:
        status, problem = await send(site, REGISTERED)
        assert (status, problem["status"]) == (404, 404)
        assert "set registry.hook_secret_file to a file" in problem["detail"]


async def test_the_window_is_five_minutes_each_way_and_says_whose_clock_is_wrong(
    tmp_path: Path,
) -> None:
    async with running(World(), tmp_path) as site:
        site.hook_file.write_text(SECRET)
        for late, status in ((299, 202), (302, 401), (-299, 202), (-302, 401)):
            got, found = await send(site, REGISTERED, late=late, delivery=f"at{late}")
            assert got == status, late
            if status == 401:
                side = "behind" if late > 0 else "ahead of"
                assert f"302 s {side} this machine's clock" in found["detail"]
        _, found = await send(site, REGISTERED, late=9999, secret="wrong")
        assert "clock" not in found["detail"], "the window is nobody's business without a secret"


@pytest.mark.parametrize(
    ("headers", "status", "detail"),
    [
        ({"X-MLflow-Signature": None}, 401, "create the webhook with a secret"),
        ({"X-MLflow-Signature": "v1,AAAA"}, 401, "not made with a secret in registry.hook_secret"),
        ({"X-MLflow-Signature": "v1,not base64!"}, 400, "v1,<base64>"),
        ({"X-MLflow-Signature": "sha256=00"}, 400, "v1,<base64>"),
        ({"X-MLflow-Delivery-Id": None}, 400, "X-MLflow-Delivery-Id"),
        ({"X-MLflow-Delivery-Id": "a.b"}, 400, "X-MLflow-Delivery-Id"),
        ({"X-MLflow-Delivery-Id": "x" * 101}, 400, "X-MLflow-Delivery-Id"),
        ({"X-MLflow-Delivery-Id": "another"}, 401, "not made with"),
        ({"X-MLflow-Timestamp": None}, 400, "X-MLflow-Timestamp"),
        ({"X-MLflow-Timestamp": "-1"}, 400, "X-MLflow-Timestamp"),
        ({"X-MLflow-Timestamp": "9" * 13}, 400, "X-MLflow-Timestamp"),
        ({"X-MLflow-Timestamp": "1767225601"}, 401, "not made with"),
        ({"Content-Encoding": "gzip"}, 415, "without Content-Encoding"),
        ({"Origin": "https://evil.example"}, 403, "only our own pages"),
    ],
)
async def test_what_is_not_signed_as_it_should_be_is_refused(
    tmp_path: Path, headers: dict[str, str | None], status: int, detail: str
) -> None:
    async with running(World(), tmp_path) as site:
        site.hook_file.write_text(SECRET)
        got, problem = await send(site, REGISTERED, headers)
        assert (got, detail in problem["detail"]) == (status, True), problem
        assert set(problem) == {"type", "title", "status", "detail"}
        assert (site.hooks.put_there, site.hooks.woken) == ([], [])


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", "not JSON"),
        (b"\xff", "not JSON"),
        (b"{" * 3, "not JSON"),
        (b"[" * 100_000, "nested too deep"),
        (b"[]", "should be an object"),
        (b'{"entity": NaN}', "not JSON"),
        (b'{"entity": 1, "entity": 2}', "written twice"),
        (b'{"entity": "registered_model", "action": "created"}', "data should be an object"),
        (b'{"entity": "registered_model", "action": "created", "data": {}}', "data.name"),
        (
            b'{"entity": "registered_model", "action": "created", "data": {"name": ""}}',
            "data.name",
        ),
        (
            b'{"entity": "model_version", "action": "created", "data": {"name": "a"}}',
            "data.version",
        ),
        (
            b'{"entity":"model_version","action":"created","data":{"name":"a","version":7}}',
            "data.version",
        ),
        (
            b'{"entity": "registered_model", "action": "created", "data": {"name": "\\ud800"}}',
            "half a character",
        ),
        (
            json.dumps(said("registered_model", "created", name="x" * 1001)).encode(),
            "at most 1000",
        ),
    ],
)
async def test_a_signed_body_that_cannot_be_read_is_400_and_says_what(
    tmp_path: Path, body: bytes, detail: str
) -> None:
    async with running(World(), tmp_path) as site:
        site.hook_file.write_text(SECRET)
        status, problem = await send(site, body)
        assert (status, detail in problem["detail"]) == (400, True), problem
        assert (site.hooks.put_there, site.hooks.woken) == ([], [])


async def test_a_body_changed_on_its_way_is_refused_byte_for_byte(tmp_path: Path) -> None:
    async with running(World(), tmp_path) as site:
        site.hook_file.write_text(SECRET)
        body = json.dumps(REGISTERED).encode()
        headers = signed(site, body)
        for changed in (body + b" ", body.replace(b'"7"', b'"8"'), b" " + body, body[:-1]):
            answer = await site.http.post(f"{site.url}/hooks/mlflow", data=changed, headers=headers)
            assert answer.status == 401
        assert (
            await site.http.post(f"{site.url}/hooks/mlflow", data=body, headers=headers)
        ).status == 202


async def test_too_large_is_413_and_other_methods_405(tmp_path: Path) -> None:
    async with running(World(), tmp_path) as site:
        site.hook_file.write_text(SECRET)
        large = io.BytesIO(b"x" * (1024 * 1024 + 1))
        answer = await site.http.post(f"{site.url}/hooks/mlflow", data=large)
        assert (answer.status, (await answer.json())["title"]) == (413, "Too large")
        answer = await site.http.get(f"{site.url}/hooks/mlflow", headers={"Accept": "text/html"})
        assert (answer.status, answer.content_type) == (405, "application/problem+json")
