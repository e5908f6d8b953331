"""JSON of a pipeline's own, read by a map: what it means, and what is wrong with it."""

import json
from typing import Any

import pytest

from processor.errors import Refused
from processor.events import TrainingCompleted
from processor.events.codec import decode_foreign
from processor.events.mapped import TrainingMap
from processor.values.json_path import NOTHING, JsonPath

MESSAGE = {
    "run": {"id": "r-1", "ended": "2026-04-01T09:30:00Z"},
    "models": [{"name": "fraud"}, {"name": "other"}],
    "mail id": 17,
}


def the_map(**changes: str) -> TrainingMap:
    written = {
        "run_id": "$.run.id",
        "model": "$.models[0].name",
        "registration": "please",
        **changes,
    }
    return TrainingMap(
        source="/training",
        fields={
            name: JsonPath.written(place) if place.startswith("$") else place
            for name, place in written.items()
        },
    )


def decoded(how: TrainingMap, message: object) -> TrainingCompleted:
    attributes, data = how.message(json.dumps(message).encode())
    event = decode_foreign(attributes, data, registry_id="main", awaited=frozenset())
    assert isinstance(event, TrainingCompleted)
    return event


def test_a_message_means_what_the_map_says() -> None:
    event = decoded(the_map(id='$["mail id"]', time="$.run.ended"), MESSAGE)
    assert (event.run_id, event.model, event.registration) == ("r-1", "fraud", "please")
    assert (event.workspace, event.artifact_path) == ("default", "model")
    assert (event.head.id, event.head.source) == ("17", "/training")
    assert str(event.head.time) == "2026-04-01 09:30:00+00:00"
    assert (event.head.actor.name, event.head.actor.assurance) == ("/training", "claimed")


def test_without_an_id_the_content_is_the_identity() -> None:
    ids = {
        decoded(the_map(), message).head.id
        for message in (MESSAGE, dict(reversed(list(MESSAGE.items()))), {**MESSAGE, "note": "x"})
    }
    assert len(ids) == 2


def test_what_may_lack_falls_back_and_what_may_not_is_named() -> None:
    how = the_map(workspace="$.ws", artifact_path="$.path", time="$.at")
    event = decoded(how, {**MESSAGE, "path": None})
    assert (event.workspace, event.artifact_path, event.head.time) == ("default", "model", None)
    assert decoded(how, {**MESSAGE, "ws": "team-a"}).workspace == "team-a"


@pytest.mark.parametrize(
    ("changes", "message", "status", "detail"),
    [
        ({}, {}, 422, "field 'run_id': the message has nothing at $.run.id (training.map.run_id"),
        ({}, [], 422, "nothing at $.run.id"),
        ({}, "text", 422, "nothing at $.run.id"),
        ({}, {"run": {"id": None}}, 422, "nothing at $.run.id"),
        ({}, {"run": {"id": {}}}, 422, "at $.run.id is an object"),
        ({}, {"run": {"id": [1]}}, 422, "at $.run.id is a list"),
        ({}, {"run": {"id": True}}, 422, "at $.run.id is true or false"),
        ({}, {"run": {"id": 1.5}}, 422, "is a number with a fraction"),
        ({}, {"run": {"id": ""}}, 422, "is an empty text"),
        ({"id": "$.id"}, MESSAGE, 422, "field 'id': the message has nothing at $.id"),
        ({"registration": "$.r"}, MESSAGE, 422, "field 'registration'"),
        ({"registration": "$.r"}, {**MESSAGE, "r": "now"}, 422, "'please' or 'done'"),
        ({"time": "$.run.id"}, MESSAGE, 400, "'time'"),
        ({}, {**MESSAGE, "run": {"id": "x" * 251}}, 422, "run_id"),
        ({}, {**MESSAGE, "run": {"id": "a\u0007"}}, 422, "control character"),
        ({}, {"specversion": "1.0"}, 415, "application/cloudevents+json"),
    ],
)
def test_what_the_map_does_not_fit_is_refused_with_the_place(
    changes: dict[str, str], message: object, status: int, detail: str
) -> None:
    with pytest.raises(Refused) as refused:
        decoded(the_map(**changes), message)
    assert refused.value.status == status
    assert detail in refused.value.detail


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"NaN", b"[" * 100_000, b'{"a":1,"a":2}'])
def test_what_is_no_json_is_400(body: bytes) -> None:
    with pytest.raises(Refused) as refused:
        the_map().message(body)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("$.a", ("a",)),
        ("$.a.b[0]", ("a", "b", 0)),
        ("$[0][12].x-y_Z", (0, 12, "x-y_Z")),
        ('$["a.b"].c', ("a.b", "c")),
        ('$["ä ö"]', ("ä ö",)),
    ],
)
def test_a_place_is_read_as_it_is_written(text: str, steps: tuple[str | int, ...]) -> None:
    path = JsonPath.written(text)
    assert (path.steps, str(path)) == (steps, text)
    document: Any = "found"
    for step in reversed(steps):
        document = [None] * step + [document] if isinstance(step, int) else {step: document}
    assert path.find(document) == "found"
    assert path.find({}) is NOTHING
    assert path.find([]) is NOTHING
    assert path.find(None) is NOTHING
    assert path.find("text") is NOTHING


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a.b", "begins with \\$"),
        ("$", "the whole message"),
        ("$a", "'a' is no step"),
        ("$.", "'.' is no step"),
        ("$.a..b", "'..b' is no step"),
        ("$.a[*]", r"'\[\*\]' is no step"),
        ("$.a[-1]", r"'\[-1\]' is no step"),
        ("$.a b", "' b' is no step"),
        ("$.ä", "is no step"),
        ("$['a']", "is no step"),
    ],
)
def test_a_place_that_cannot_be_read_says_from_where_on(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        JsonPath.written(text)
