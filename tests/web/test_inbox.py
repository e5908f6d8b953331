"""What outsiders may say, how large, with which token; everything else is refused with a reason."""

import asyncio
import io
import json
from pathlib import Path
from typing import Any

import pytest

from processor.policy.policy import Policies, Policy
from tests.views.world import World, policy
from tests.web.site import TOKEN, Running, running

TYPE = "application/cloudevents+json"


def event(**changes: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": "1",
        "source": "urn:pipeline",
        "type": "sluice.training.completed.v1",
        "data": {"run_id": "r1", "model": "fraud", "registration": "please"},
        **changes,
    }


async def send(
    site: Running, body: object, form: str = TYPE, token: str = TOKEN, **headers: str
) -> tuple[int, Any]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"Content-Type": form, "Authorization": f"Bearer {token}", **headers}
    answer = await site.http.post(f"{site.url}/events", data=raw, headers=sent)
    return answer.status, await answer.json()


async def test_an_event_is_stored_once_however_often_it_is_sent(tmp_path: Path) -> None:
    async with running(World(), tmp_path) as site:
        found = {"accepted": ["1"], "duplicates": [], "already": []}
        assert await send(site, event()) == (202, found)
        found = {"accepted": [], "duplicates": ["1"], "already": []}
        assert await send(site, event()) == (202, found)
        assert len(site.world.happened) == 1
        assert site.world.happened[0].event.head.source == "urn:pipeline"


async def test_binary_mode_and_batches_are_taken(tmp_path: Path) -> None:
    async with running(World(), tmp_path) as site:
        attributes = {
            "ce-specversion": "1.0",
            "ce-id": "b1",
            "ce-source": "urn:x",
            "ce-type": "sluice.training.completed.v1",
        }
        data = event()["data"]
        assert (await send(site, data, "application/json", **attributes))[0] == 202
        batch = [event(id="c1"), event(id="c2"), event(id="b1", source="urn:y")]
        status, found = await send(site, batch, "application/cloudevents-batch+json")
        assert (status, found["accepted"]) == (202, ["c1", "c2"])


async def test_one_bad_event_of_a_batch_stores_none(tmp_path: Path) -> None:
    async with running(World(), tmp_path) as site:
        batch = [event(), event(id="2", type="sluice.promotion.approved.v1")]
        assert (await send(site, batch, "application/cloudevents-batch+json"))[0] == 403
        assert (await send(site, [], "application/cloudevents-batch+json"))[0] == 400
        assert site.world.happened == []


async def test_too_large_is_413_announced_or_streamed_and_before_the_token(tmp_path: Path) -> None:
    async with running(World(), tmp_path) as site:
        large = b"x" * (1024 * 1024 + 1)
        answer = await site.http.post(
            f"{site.url}/events", data=io.BytesIO(large), headers={"Authorization": "Bearer no"}
        )
        assert (answer.status, (await answer.json())["title"]) == (413, "Too large")

        async def chunks() -> Any:
            for _ in range(40):
                yield b"x" * 65536
                await asyncio.sleep(0)

        answer = await site.http.post(
            f"{site.url}/events",
            data=chunks(),
            headers={"Content-Type": TYPE, "Authorization": f"Bearer {TOKEN}"},
        )
        assert answer.status == 413
        assert site.world.appends == 0


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"{", 400, "not JSON"),
        (b"\xff", 400, "not JSON"),
        (b"[" * 100_000, 400, "nested too deep"),
        (b'"text"', 400, "JSON object"),
        (event(id=""), 400, "'id'"),
        (event(source="/sluice/main"), 403, "/sluice/main"),
        (event(type="sluice.promotion.approved.v1"), 403, "may not be said from outside"),
        (event(type="sluice.approval.given.v1"), 403, "may not be said from outside"),
        (event(type="scan.completed"), 403, "may not be said from outside"),
        (event(data={"model": "x", "registration": "please"}), 422, "run_id"),
        (event(data={"run_id": "r", "model": "x", "registration": "now"}), 422, "registration"),
        (event(data=None), 422, "data"),
    ],
)
async def test_what_cannot_be_taken_is_a_problem_that_names_it(
    tmp_path: Path, body: object, status: int, said: str
) -> None:
    async with running(World(), tmp_path) as site:
        got, problem = await send(site, body)
        assert got == status, problem
        assert said in problem["detail"]
        assert set(problem) == {"type", "title", "status", "detail"}
        assert site.world.appends == 0


async def test_a_type_some_gate_waits_for_is_taken(tmp_path: Path) -> None:
    written = policy().model_dump()
    gates = [*written["gates"], {"event": "scan.completed"}]
    waiting = Policies((Policy.model_validate({**written, "gates": gates}),))
    async with running(World(policies=waiting), tmp_path) as site:
        scan = event(
            type="scan.completed", data={"model": "fraud", "version": "1", "verdict": "passed"}
        )
        assert (await send(site, scan))[0] == 202


async def test_the_token_is_asked_and_read_again_when_its_file_changes(tmp_path: Path) -> None:
    async with running(World(), tmp_path) as site:
        for wrong in ("", "wrong", f"{TOKEN}x", "pipelin\u00e9"):
            status, problem = await send(site, event(), token=wrong)
            assert (status, problem["status"]) == (401, 401)
        site.token_file.write_text("a-new-and-longer-one")
        assert (await send(site, event()))[0] == 401
        assert (await send(site, event(), token="a-new-and-longer-one"))[0] == 202
        site.token_file.write_text("")
        assert (await send(site, event(), token=""))[0] == 403
        site.token_file.unlink()
        status, problem = await send(site, event())
        assert (status, "web.events_token_file" in problem["detail"]) == (403, True)


async def test_other_forms_and_compressed_bodies_are_415(tmp_path: Path) -> None:
    async with running(World(), tmp_path) as site:
        assert (await send(site, event(), "text/plain"))[0] == 415
        assert (await send(site, event(), "application/json"))[0] == 415
        zipped = await send(site, b"\x1f\x8b", **{"Content-Encoding": "gzip"})
        assert zipped[0] == 415
