"""CloudEvents in and out, judged by the CloudEvents SDK where there is a second opinion."""

import base64
import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cloudevents.core.bindings.http import (
    HTTPMessage,
    from_http_event,
    to_binary_event,
    to_structured_event,
)
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from processor.errors import Refused
from processor.events import BY_TYPE, CATALOG, Event, ForeignReported, TrainingCompleted
from processor.events.codec import (
    decode_foreign,
    decode_own,
    encode,
    parse_binary,
    parse_structured,
)
from processor.testing.samples import SAMPLES
from processor.values.principal import claimed

AWAITED = frozenset({"scan.completed", "sluice.promotion.approved.v1"})
TRAINING = {
    "specversion": "1.0",
    "id": "run-1",
    "source": "/pipelines/nightly",
    "type": "sluice.training.completed.v1",
    "time": "2026-04-01T11:30:00.25+02:00",
    "datacontenttype": "application/json",
}
TRAINED = {"run_id": "r1", "model": "fraud", "registration": "please"}
SCAN = TRAINING | {"type": "scan.completed", "id": "scan-1"}
SCANNED = {"model": "fraud", "version": "2", "verdict": "failed", "reason": "a\nb"}


def read(attributes: Mapping[str, object] = TRAINING, data: object = TRAINED) -> Event:
    """Decode as the inbox does."""
    return decode_foreign(attributes, data, registry_id="main", awaited=AWAITED)


def refusal(attributes: Mapping[str, object] = TRAINING, data: object = TRAINED) -> Refused:
    """Return how an event is refused."""
    with pytest.raises(Refused) as caught:
        read(attributes, data)
    return caught.value


def without(mapping: Mapping[str, object], name: str) -> dict[str, object]:
    """Return a mapping less one key."""
    return {key: value for key, value in mapping.items() if key != name}


@pytest.mark.parametrize("event", SAMPLES, ids=lambda event: event.kind)
def test_every_type_survives_the_way_out_and_in(event: Event) -> None:
    document = json.loads(json.dumps(encode(event, "0001-7")))
    assert decode_own(document) == event
    assert document["sequence"] == "0001-7"
    assert document["partitionkey"] == event.head.key


@pytest.mark.parametrize("event", SAMPLES, ids=lambda event: event.kind)
def test_the_sdk_reads_what_we_write(event: Event) -> None:
    document = encode(event, "0001-7")
    seen = from_http_event(
        HTTPMessage({"content-type": "application/cloudevents+json"}, json.dumps(document).encode())
    )
    assert seen.get_id() == event.head.id
    assert seen.get_type() == event.type_name()
    assert seen.get_time() == event.head.time
    assert seen.get_data() == document["data"]


@pytest.mark.parametrize("write", [to_structured_event, to_binary_event])
def test_we_read_what_the_sdk_writes(write: Any) -> None:
    sent = CloudEvent(
        TRAINING | {"time": datetime(2026, 4, 1, 9, 30, tzinfo=UTC), "source": "/pipe/ü"},
        dict(TRAINED) | {"model": "fraud ü 漢"},
    )
    message = write(sent)
    if write is to_binary_event:
        attributes, data = parse_binary(message.headers, message.body)
    else:
        [(attributes, data)] = parse_structured(message.body)
    event = read(attributes, data)
    assert isinstance(event, TrainingCompleted)
    assert event.model == "fraud ü 漢"
    assert event.head.source == "/pipe/ü"
    assert event.head.time == datetime(2026, 4, 1, 9, 30, tzinfo=UTC)


def test_a_training_becomes_our_fact_with_the_senders_name_on_it() -> None:
    event = read(TRAINING | {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01", "ours": "no"})
    assert event == TrainingCompleted.model_validate({"head": event.head, **TRAINED})
    assert (event.head.id, event.head.source) == ("run-1", "/pipelines/nightly")
    assert event.head.key == event.head.subject == "main/default/fraud"
    assert event.head.actor == claimed("/pipelines/nightly")
    assert event.head.time == datetime(2026, 4, 1, 9, 30, 0, 250_000, tzinfo=UTC)
    assert event.head.time.utcoffset() == timedelta(0)
    assert event.head.trace == f"00-{'a' * 32}-{'b' * 16}-01"


def test_an_awaited_type_keeps_its_name_inside_our_envelope() -> None:
    event = read(SCAN, SCANNED | {"type": "smuggled", "more": [1]})
    assert isinstance(event, ForeignReported)
    assert event.type == "scan.completed"
    assert (event.version, event.verdict, event.reason) == ("2", "failed", "a\nb")


def test_a_time_may_be_missing_and_unknown_data_is_ignored() -> None:
    event = read(without(TRAINING, "time"), TRAINED | {"accuracy": 0.9, "head": {"id": "x"}})
    assert event.head.time is None
    assert event.head.id == "run-1"


@pytest.mark.parametrize(
    "said", [*sorted(set(BY_TYPE) - {"sluice.training.completed.v1"}), "sluice.x", "other.said"]
)
def test_what_outsiders_may_not_say_is_forbidden(said: str) -> None:
    assert refusal(TRAINING | {"type": said}).status == 403


@pytest.mark.parametrize("source", ["/sluice/main", "/sluice", "/Sluice/other", "/sluice/"])
def test_our_source_is_nobody_elses(source: str) -> None:
    assert refusal(TRAINING | {"source": source}).status == 403


def test_a_source_that_only_looks_like_ours_is_taken() -> None:
    assert read(TRAINING | {"source": "/sluicegate/main"}).head.source == "/sluicegate/main"


@pytest.mark.parametrize("name", ["specversion", "id", "source", "type"])
@pytest.mark.parametrize("value", [None, "", 7, ["x"], "a\x00b", "a\nb", "\ud800", "x" * 251])
def test_a_bad_attribute_is_named(name: str, value: object) -> None:
    refused = refusal(TRAINING | {name: value})
    assert refused.status == 400
    assert f"'{name}'" in refused.detail


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("time", "yesterday"),
        ("time", 7),
        ("time", "2026-02-30T00:00:00Z"),
        ("time", "2026-04-01T00:00:00"),
        ("time", "0001-01-01T00:00:00+23:00"),
        ("specversion", "0.3"),
        ("datacontenttype", "text/xml"),
        ("source", "my pipeline"),
    ],
)
def test_a_bad_value_is_named_too(name: str, value: object) -> None:
    refused = refusal(TRAINING | {name: value})
    assert (refused.status, f"'{name}'" in refused.detail) == (400, True)


@pytest.mark.parametrize("name", ["specversion", "id", "source", "type"])
def test_a_missing_attribute_is_named(name: str) -> None:
    assert f"'{name}'" in refusal(without(TRAINING, name)).detail


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("run_id", ""),
        ("run_id", 5),
        ("model", None),
        ("model", "a\x00b"),
        ("model", "x" * 251),
        ("model", "\ud800"),
        ("registration", "maybe"),
        ("workspace", ""),
        ("workspace", {}),
        ("artifact_path", "x" * 2001),
    ],
)
def test_bad_data_names_the_field_and_the_reason(field: str, value: object) -> None:
    refused = refusal(data=TRAINED | {field: value})
    assert refused.status == 422
    assert f"'{field}': " in refused.detail


@pytest.mark.parametrize("data", [None, [], "text", 7])
def test_data_must_be_an_object(data: object) -> None:
    assert refusal(data=data).status == 422


def test_a_batch_and_base64_are_read() -> None:
    coded = base64.b64encode(json.dumps(TRAINED).encode()).decode()
    body = json.dumps([TRAINING | {"data": TRAINED}, TRAINING | {"data_base64": coded}]).encode()
    assert [data for _, data in parse_structured(body)] == [TRAINED, TRAINED]
    assert parse_structured(b"[]") == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b"7",
        b"[7]",
        b'{"id": "a", "id": "b"}',
        b'{"data": NaN}',
        b"[" * 100_000,
        b'{"data": ' + b"9" * 10_000 + b"}",
        b'{"data": 1, "data_base64": "MQ=="}',
        b'{"data_base64": "?"}',
        b'{"data_base64": 7}',
    ],
)
def test_a_body_that_is_no_event_is_malformed(body: bytes) -> None:
    with pytest.raises(Refused) as caught:
        parse_structured(body)
    assert caught.value.status == 400


def test_binary_headers_are_decoded_and_never_given_twice() -> None:
    attributes, data = parse_binary(
        {"CE-Id": "a%20b", "Content-Type": "application/json", "Host": "x"}, b'{"a": 1}'
    )
    assert attributes == {"id": "a b", "datacontenttype": "application/json"}
    assert data == {"a": 1}
    assert parse_binary({}, b"") == ({}, None)
    for headers in ({"ce-id": "a", "CE-ID": "b"}, {"ce-id": "%ff"}, {"ce-id": "\ud800"}):
        with pytest.raises(Refused, match="'id'"):
            parse_binary(headers, b"")


def test_own_documents_that_are_not_ours_are_refused() -> None:
    good = encode(SAMPLES[0])
    for bad in ({}, good | {"type": "x"}, good | {"data": 7}, good | {"data": {"head": {}}}):
        with pytest.raises(Refused):
            decode_own(bad)
    for name in ("id", "source", "subject", "partitionkey", "actor", "actorassurance"):
        with pytest.raises(Refused):
            decode_own(without(good, name))


_JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
_LIKELY = st.sampled_from(
    [*TRAINING, *TRAINED, *SCANNED, *TRAINING.values(), *AWAITED, "data", "data_base64"]
)


@given(st.binary() | _JSON_VALUES.map(lambda value: json.dumps(value).encode()))
def test_any_body_ends_in_an_event_or_a_refusal(body: bytes) -> None:
    with suppress(Refused):
        for attributes, data in parse_structured(body):
            with suppress(Refused):
                assert type(read(attributes, data)) in CATALOG
    with suppress(Refused):
        attributes, data = parse_binary(TRAINING, body)
        assert isinstance(attributes, dict)


@given(
    st.dictionaries(_LIKELY | st.text(), _LIKELY | _JSON_VALUES),
    st.dictionaries(_LIKELY | st.text(), _LIKELY | _JSON_VALUES) | _JSON_VALUES,
)
def test_any_attributes_and_data_end_in_an_event_or_a_refusal(
    attributes: dict[str, object], data: object
) -> None:
    for base, good in ((TRAINING, TRAINED), (SCAN, SCANNED)):
        with suppress(Refused):
            assert type(read(base | attributes, data)) in CATALOG
        with suppress(Refused):
            assert type(read(base, good | data if isinstance(data, dict) else data)) in CATALOG
    with suppress(Refused):
        assert type(decode_own(encode(SAMPLES[0]) | attributes)) in CATALOG


@given(st.dictionaries(st.text(), st.text()), st.binary())
def test_any_headers_end_in_attributes_or_a_refusal(headers: dict[str, str], body: bytes) -> None:
    prefixed = {f"ce-{name}": value for name, value in headers.items()}
    with suppress(Refused):
        attributes, data = parse_binary(headers | prefixed, body)
        assert type(read(attributes, data)) in CATALOG


@given(st.text(min_size=1, max_size=250).filter(str.isprintable))
def test_any_printable_model_name_is_taken(model: str) -> None:
    event = read(data=TRAINED | {"model": model})
    assert isinstance(event, TrainingCompleted)
    assert event.model == model
    assert event.head.key.count("/") == 2
