"""What was said before: the same id with another meaning is refused, another id is told."""

import asyncio
from pathlib import Path

import pytest

from processor.events.mapped import TrainingMap
from processor.values.json_path import JsonPath
from tests.views.world import World
from tests.web.site import running
from tests.web.test_inbox import event, send

BATCH = "application/cloudevents-batch+json"
OTHER = {"run_id": "r2", "model": "fraud", "registration": "please"}
MAP = TrainingMap(
    source="/ml",
    fields={
        "run_id": JsonPath.written("$.run.id"),
        "model": JsonPath.written("$.model"),
        "registration": "please",
    },
)


async def test_the_same_id_with_another_meaning_is_409_naming_both(tmp_path: Path) -> None:
    async with running(World(), tmp_path) as site:
        assert (await send(site, event()))[0] == 202
        status, problem = await send(site, event(data=OTHER))
        assert (status, problem["title"]) == (409, "Said otherwise before")
        assert problem["detail"] == (
            "event '1' of 'urn:pipeline' was taken with run_id 'r1' and now comes with run_id "
            "'r2': give every fact an id of its own"
        )
        assert len(site.world.happened) == 1
        moment = "2026-04-01T09:30:00Z"
        assert (await send(site, event(time=moment)))[0] == 202, "the sender's clock is no meaning"
        assert (await send(site, event(source="urn:other", data=OTHER)))[0] == 202


async def test_one_contradiction_of_a_batch_stores_none(tmp_path: Path) -> None:
    async with running(World(), tmp_path) as site:
        assert (await send(site, event(id="2")))[0] == 202
        for batch in (
            [event(id="3"), event(id="2", data=OTHER)],
            [event(id="3"), event(id="3", data=OTHER)],
        ):
            assert (await send(site, batch, BATCH))[0] == 409
        assert [one.event.head.id for one in site.world.happened] == ["2"]
        status, found = await send(site, [event(id="3"), event(id="3")], BATCH)
        assert (status, found["accepted"]) == (202, ["3"])


async def test_two_meanings_sent_at_the_same_moment_are_told_to_one_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(World(), tmp_path) as site:
        stored, together = site.world.append, asyncio.Barrier(2)

        async def at_once(*given: object, **how: object) -> object:
            await together.wait()
            return await stored(*given, **how)  # type: ignore[arg-type]

        monkeypatch.setattr(site.world, "append", at_once)
        answers = await asyncio.gather(send(site, event()), send(site, event(data=OTHER)))
        assert sorted(status for status, _ in answers) == [202, 409]
        assert len(site.world.happened) == 1


async def test_the_same_training_under_another_id_is_taken_and_told(tmp_path: Path) -> None:
    async with running(World(), tmp_path) as site:
        await send(site, event())
        status, found = await send(site, event(id="2", source="urn:retry"))
        assert (status, found["accepted"]) == (202, ["2"])
        assert found["already"] == [
            (
                "'2': run 'r1' of 'fraud' was told before by event '1' of 'urn:pipeline'; one "
                "version comes of both"
            )
        ]
        _, found = await send(site, event(id="2", source="urn:retry"))
        assert found["duplicates"] == ["2"]
        _, found = await send(site, event(id="3", data=OTHER))
        assert found["already"] == []
        batch = [
            event(id="4", data={**OTHER, "run_id": "r9"}),
            event(id="5", data={**OTHER, "run_id": "r9"}),
        ]
        _, found = await send(site, batch, BATCH)
        assert [one[:3] for one in found["already"]] == ["'5'"]


async def test_plain_json_is_read_by_the_map(tmp_path: Path) -> None:
    message = {"run": {"id": "r1"}, "model": "fraud", "extra": [1, 2]}
    async with running(World(), tmp_path, training=MAP) as site:
        status, found = await send(site, message, "application/json")
        assert (status, len(found["accepted"])) == (202, 1)
        [stored] = site.world.happened
        assert stored.event.head.source == "/ml"
        assert stored.event.model_dump(exclude={"head"}) == {
            "run_id": "r1",
            "model": "fraud",
            "registration": "please",
            "workspace": "default",
            "artifact_path": "model",
        }
        _, found = await send(site, message, "application/json; charset=utf-8")
        assert (found["accepted"], len(found["duplicates"])) == ([], 1)
        _, found = await send(site, {**message, "extra": []}, "application/json")
        assert (len(found["accepted"]), len(found["already"])) == (1, 1)
        status, problem = await send(site, {"run": {}}, "application/json")
        assert (status, "$.run.id" in problem["detail"]) == (422, True)
        status, problem = await send(site, event(), "application/json")
        assert (status, "application/cloudevents+json" in problem["detail"]) == (415, True)
        assert (await send(site, message, "text/plain"))[0] == 415
        assert (await send(site, message, "application/json", token="wrong"))[0] == 401


async def test_plain_json_without_a_map_is_415_with_the_way_to_have_it(tmp_path: Path) -> None:
    async with running(World(), tmp_path) as site:
        status, problem = await send(site, {"run": {"id": "r1"}}, "application/json")
        assert (status, "training.map says how" in problem["detail"]) == (415, True)
