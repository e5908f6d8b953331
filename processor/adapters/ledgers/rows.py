"""Between table rows and our nouns.

Place in the flow: the only file that turns stored text into events, view rows, work and effects.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Row

from processor.events import BY_TYPE, Event, Head
from processor.ports.log import Recorded
from processor.rules.history import VIEWS
from processor.values.effect import Effect
from processor.values.principal import Principal
from processor.values.work import Work


def event_columns(event: Event) -> dict[str, object]:
    """Return an event's columns, except those that say when and where it was recorded."""
    head = event.head
    target = event.keyed_by_target
    return {
        "id": head.id,
        "source": head.source,
        "type": event.type_name(),
        "subject": head.subject,
        "key": head.key,
        "model_key": head.key.rsplit("/", 1)[0] if target else head.key,
        "time": head.time,
        "actor": head.actor.name,
        "assurance": head.actor.assurance,
        "cause": head.cause,
        "trace": head.trace,
        "data": event.model_dump_json(exclude={"head"}),
    }


def chained(row: Row[Any]) -> dict[str, object]:
    """Return what the hash chain covers of a stored event."""
    names = ("id", "source", "type", "subject", "key", "actor", "assurance", "cause", "data")
    moments = {"observed_at": row.observed_at.isoformat()}
    if row.time is not None:
        moments["time"] = row.time.isoformat()
    return {name: getattr(row, name) for name in names} | moments


def recorded(row: Row[Any]) -> Recorded:
    """Return a stored event. Its type is known: callers select by BY_TYPE."""
    kind = BY_TYPE[row.type]
    head = Head(
        id=row.id,
        source=row.source,
        subject=row.subject,
        key=row.key,
        actor=Principal(row.actor, row.assurance),
        cause=row.cause,
        time=row.time,
        trace=row.trace,
    )
    data = _json(row.data)
    return Recorded(
        event=kind.model_validate({**data, "head": head}),
        observed_at=row.observed_at,
        at=row.time or row.observed_at,
        pos=row.pos,
        hash=row.hash,
    )


def work_of(row: Row[Any], event_id: str) -> Work:
    """Return a work row."""
    return Work(
        id=row.id,
        event_id=event_id,
        handler=row.handler,
        part=row.part,
        lane=row.lane,
        place=row.place,
        state=row.state,
        attempts=row.attempts,
        blamed=row.blamed,
        recorded_at=row.recorded_at,
        due_at=row.due_at,
        error=row.error,
        crashes=row.crashes,
    )


def effect_of(row: Row[Any]) -> Effect:
    """Return an effect row."""
    return Effect(**row._mapping)  # noqa: SLF001 - SQLAlchemy's documented accessor


_ROWS: Mapping[type, TypeAdapter[Any]] = {view.row: TypeAdapter(view.row) for view in VIEWS}


def adapter(kind: type[Any]) -> TypeAdapter[Any]:
    """Return pydantic's reader and writer of a view row class."""
    return _ROWS[kind]


def _json(text: str) -> Mapping[str, Any]:
    """Return stored data as a mapping."""
    data: Mapping[str, Any] = _OBJECT.validate_json(text)
    return data


_OBJECT: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])
