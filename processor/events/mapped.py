"""Somebody else's JSON as the event it means.

Place in the flow: `web/inbox` reads plain JSON by `training.map`; what comes out is a message like
any other and goes through `codec.decode_foreign`. Nothing but `Refused` comes out besides.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from processor.errors import Refused
from processor.events.codec import Message, parsed
from processor.events.training import TrainingCompleted
from processor.values.json_path import NOTHING, JsonPath

_MAY_LACK = frozenset({"workspace", "artifact_path", "time"})
_ATTRIBUTES = frozenset({"id", "time"})


@dataclass(frozen=True, kw_only=True)
class TrainingMap:
    """Where a message of the source says what: a place in it, or a text that is always so.

    `fields` are those of `TrainingCompleted` and the attributes `id` and `time`; without an `id`
    the message's content is its identity.
    """

    source: str
    fields: Mapping[str, JsonPath | str]

    def message(self, body: bytes) -> Message:
        """Return what a body means.

        Raises Refused: 400 it is no JSON, 415 it is an event, 422 the map does not fit it.
        """
        document = parsed(body)
        if isinstance(document, Mapping) and "specversion" in document:
            raise Refused(
                "Not as plain JSON",
                "this is a CloudEvent: send Content-Type: application/cloudevents+json",
                status=415,
            )
        found = {name: self._value(name, place, document) for name, place in self.fields.items()}
        said = {name: value for name, value in found.items() if value}
        attributes: dict[str, object] = {
            "specversion": "1.0",
            "id": said.get("id") or _digest(document),
            "source": self.source,
            "type": TrainingCompleted.type_name(),
        }
        if "time" in said:
            attributes["time"] = said["time"]
        data = {name: value for name, value in said.items() if name not in _ATTRIBUTES}
        return attributes, data

    def _value(self, name: str, place: JsonPath | str, document: object) -> str:
        """Return one field, empty where it may lack and does."""
        if isinstance(place, str):
            return place
        value = place.find(document)
        if value is NOTHING or value is None:
            if name in _MAY_LACK:
                return ""
            raise _unusable(name, f"the message has nothing at {place}")
        if isinstance(value, str) and value:
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        raise _unusable(name, f"at {place} is {_called(value)}, not text or a whole number")


def _called(value: object) -> str:
    """Return what a JSON value is, in a person's words."""
    match value:
        case bool():
            return "true or false"
        case str():
            return "an empty text"
        case float():
            return "a number with a fraction"
        case list():
            return "a list"
        case _:
            return "an object"


def _digest(document: object) -> str:
    """Return what tells this content from any other, however it was written."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _unusable(name: str, reason: str) -> Refused:
    detail = f"field {name!r}: {reason} (training.map.{name} says where it should be)"
    return Refused("Unusable event data", detail, status=422)
