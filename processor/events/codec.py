"""Events as CloudEvents 1.0, in and out.

Place in the flow: `web/inbox` reads what outsiders send with `parse_*` and `decode_foreign`;
`encode` and `decode_own` carry our own events to and from topics, exports and examples.
Whatever bytes come in, nothing but `Refused` comes out. The wire format is written out here, not
left to a library: the CloudEvents SDK makes up a missing id or time, and trips over deep nesting.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from pydantic import ValidationError

from processor.errors import Refused
from processor.events import BY_TYPE
from processor.events.event import Event, Head
from processor.events.training import ForeignReported, TrainingCompleted
from processor.values.about import About
from processor.values.principal import claimed

Attributes = Mapping[str, object]
Message = tuple[Attributes, object]
"""The attributes and the data of one CloudEvent, as they came."""

_LONGEST: Final = 250
_LONGEST_TEXT: Final = 2000
_JSON = re.compile(r"[a-z0-9.-]+/(?:[a-z0-9.-]+\+)?json\s*(?:;.*)?", re.ASCII | re.IGNORECASE)
_YEARS = range(1970, 2200)  # when an event can have happened
_RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_TRACE = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_UNSEEN_IN_PROSE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def encode(event: Event, sequence: str | None = None) -> dict[str, Any]:
    """Return an event as a structured CloudEvent, ready for `json.dumps`."""
    head = event.head.model_dump(mode="json")
    attributes = {
        "specversion": "1.0",
        "id": head["id"],
        "source": head["source"],
        "type": event.type_name(),
        "subject": head["subject"],
        "time": head["time"],
        "datacontenttype": "application/json",
        "partitionkey": head["key"],
        "actor": head["actor"]["name"],
        "actorassurance": head["actor"]["assurance"],
        "cause": head["cause"],
        "traceparent": head["trace"],
        "sequence": sequence,
    }
    present = {name: value for name, value in attributes.items() if value is not None}
    return present | {"data": event.model_dump(mode="json", exclude={"head"})}


def decode_own(document: Mapping[str, Any]) -> Event:
    """Return the event `encode` made the document of."""
    kind = BY_TYPE.get(str(document.get("type")))
    data = document.get("data")
    if kind is None:
        raise _malformed("type", f"{document.get('type')!r} is not one of ours")
    if not isinstance(data, dict) or "head" in data:
        raise _unusable("data", "must be the object `encode` wrote")
    head = {
        "id": document.get("id"),
        "source": document.get("source"),
        "subject": document.get("subject"),
        "key": document.get("partitionkey"),
        "actor": {"name": document.get("actor"), "assurance": document.get("actorassurance")},
        "cause": document.get("cause"),
        "time": document.get("time"),
        "trace": document.get("traceparent"),
    }
    return _build(kind, {"head": head, **data})


def decode_foreign(
    attributes: Attributes, data: object, *, registry_id: str, awaited: frozenset[str]
) -> Event:
    """Return the fact an outsider tells: a finished training, or an answer a gate waits for."""
    kind = _permitted(attributes, awaited)
    if attributes.get("specversion") != "1.0":
        raise _malformed("specversion", 'must be "1.0"')
    identifier = _name(attributes, "id")
    source = _source(attributes)
    time = _time(attributes.get("time"))
    _insist_on_json(attributes.get("datacontenttype"))
    if not isinstance(data, dict):
        raise _unusable("data", "must be a JSON object")
    wanted = {key: value for key, value in data.items() if key in kind.model_fields}
    for field, value in wanted.items():
        _insist_on_readable(field, value)
    if kind is ForeignReported:
        wanted["type"] = attributes["type"]
    about = About(registry_id, _text(wanted, "workspace", "default"), _text(wanted, "model"))
    trace = attributes.get("traceparent")
    head = Head(
        id=identifier,
        source=source,
        subject=about.subject,
        key=about.key,
        actor=claimed(source),
        time=time,
        trace=trace if isinstance(trace, str) and _TRACE.fullmatch(trace) else None,
    )
    return _build(kind, wanted | {"head": head})


def parse_structured(body: bytes) -> list[Message]:
    """Return the events of a structured body: one JSON object, or a batch of them."""
    document = parsed(body)
    return [_apart(one) for one in (document if isinstance(document, list) else [document])]


def parse_binary(headers: Mapping[str, str], body: bytes) -> Message:
    """Return the event whose attributes are `ce-*` headers and whose data is the body."""
    attributes: dict[str, object] = {}
    for header, value in headers.items():
        name = header.lower()
        if name == "content-type":
            name = "ce-datacontenttype"
        if not name.startswith("ce-"):
            continue
        name = name.removeprefix("ce-")
        if name in attributes:
            raise _malformed(name, "is given twice")
        try:
            attributes[name] = unquote_to_bytes(value).decode()
        except UnicodeError as exc:
            raise _malformed(name, "is not percent-encoded UTF-8") from exc
    _insist_on_json(attributes.get("datacontenttype"))
    return attributes, parsed(body) if body else None


def _permitted(attributes: Attributes, awaited: frozenset[str]) -> type[Event]:
    """Return the class of a type outsiders may say; anything else is forbidden, not malformed."""
    said = _name(attributes, "type")
    if said == TrainingCompleted.type_name():
        return TrainingCompleted
    if said.startswith("sluice.") or said not in awaited:
        raise Refused(
            "Event type not accepted",
            f"attribute 'type': {said!r} may not be said from outside; accepted are "
            f"{', '.join([TrainingCompleted.type_name(), *sorted(awaited)])}",
            status=403,
        )
    return ForeignReported


def _source(attributes: Attributes) -> str:
    """Return the sender; ours is nobody else's to use."""
    source = _name(attributes, "source")
    if any(character.isspace() for character in source):
        raise _malformed("source", "must be a URI reference, which holds no white space")
    if f"{source.lower()}/".startswith("/sluice/"):
        raise Refused(
            "Event source not accepted",
            f"attribute 'source': {source!r} is kept for this program's own events",
            status=403,
        )
    return source


def _name(attributes: Attributes, name: str) -> str:
    value = attributes.get(name)
    if not isinstance(value, str) or not value:
        raise _malformed(name, "must be a non-empty string")
    if len(value) > _LONGEST:
        raise _malformed(name, f"is {len(value)} characters long, at most {_LONGEST} are taken")
    if _UNSEEN.search(value):
        raise _malformed(name, "holds a control character")
    return value


def _time(value: object) -> datetime | None:
    if value is None:
        return None
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        raise _malformed("time", "must be an RFC 3339 time such as 2026-04-01T09:30:00Z")
    try:
        moment = datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as exc:
        raise _malformed("time", f"{value!r} is no moment of the calendar") from exc
    if moment.year not in _YEARS:
        raise _malformed("time", f"{value!r} is not between {_YEARS.start} and {_YEARS.stop - 1}")
    return moment


def _insist_on_json(content_type: object) -> None:
    if content_type is None or (isinstance(content_type, str) and _JSON.fullmatch(content_type)):
        return
    raise _malformed("datacontenttype", "must be a JSON media type such as application/json")


def _insist_on_readable(field: str, value: object) -> None:
    """Refuse text that could not be stored, shown or searched as it came."""
    if not isinstance(value, str):
        return
    if len(value) > _LONGEST_TEXT:
        raise _unusable(field, f"is {len(value)} characters long, at most {_LONGEST_TEXT}")
    if (_UNSEEN_IN_PROSE if field == "reason" else _UNSEEN).search(value):
        raise _unusable(field, "holds a control character")


def _text(data: Mapping[str, object], field: str, default: str | None = None) -> str:
    value = data.get(field, default)
    if not isinstance(value, str) or not value:
        raise _unusable(field, "must be a non-empty string")
    return value


def _build(kind: type[Event], fields: Mapping[str, object]) -> Event:
    try:
        return kind.model_validate(fields)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False, include_context=False)[0]
        raise _unusable(".".join(str(part) for part in first["loc"]), first["msg"]) from exc


def parsed(body: bytes) -> Any:  # noqa: ANN401 - any JSON at all
    """Parse strictly: no NaN, no key twice, no nesting that exhausts the stack."""
    try:
        return json.loads(body.decode(), object_pairs_hook=_once, parse_constant=_no_such_number)
    except (ValueError, RecursionError) as exc:
        reason = "it is nested too deeply" if isinstance(exc, RecursionError) else str(exc)
        raise Refused("Malformed event", f"the body is not JSON: {reason}", status=400) from exc


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("an object holds a key twice")
    return found


def _no_such_number(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _apart(document: object) -> Message:
    """Take the data out of a structured event."""
    if not isinstance(document, dict):
        raise Refused("Malformed event", "a structured event is a JSON object", status=400)
    attributes = {k: v for k, v in document.items() if k not in {"data", "data_base64"}}
    if "data_base64" not in document:
        return attributes, document.get("data")
    if "data" in document:
        raise _malformed("data_base64", "stands beside 'data'; give one of them")
    try:
        return attributes, parsed(base64.b64decode(document["data_base64"], validate=True))
    except (TypeError, ValueError, binascii.Error) as exc:
        raise _malformed("data_base64", "is not base64") from exc


def _malformed(attribute: str, reason: str) -> Refused:
    return Refused("Malformed event", f"attribute {attribute!r}: {reason}", status=400)


def _unusable(field: str, reason: str) -> Refused:
    return Refused("Unusable event data", f"field {field!r}: {reason}", status=422)
