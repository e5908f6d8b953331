"""Between table rows and our nouns.

Place in the flow: the only file that turns stored text into events, view rows, work and effects.
"""

from collections.abc import Mapping
from operator import attrgetter
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json
from sqlalchemy import Row

from processor.errors import Terminal
from processor.events import BY_TYPE, Event, Head
from processor.ports.log import Recorded
from processor.rules.history import VIEWS
from processor.values.effect import Effect
from processor.values.principal import Principal
from processor.values.work import Work

DISPATCH = "dispatch"
"""The handler's name in a row that stands for an event nobody can read."""


def event_columns(event: Event) -> dict[str, object]:
    """Return an event's columns, except those that say when and where it was recorded."""
    head = event.head
    return {
        "id": head.id,
        "source": head.source,
        "type": event.type_name(),
        "subject": head.subject,
        "key": head.key,
        "model_key": model_keys(event.type_name(), head.key)[0],
        "time": head.time,
        "actor": head.actor.name,
        "assurance": head.actor.assurance,
        "cause": head.cause,
        "trace": head.trace,
        "data": event.model_dump_json(exclude={"head"}),
    }


def model_keys(type_name: str, key: str) -> tuple[str, ...]:
    """Return whose event it is by its key: one, or two where nobody here knows the type."""
    kind, model = BY_TYPE.get(type_name), key.rsplit("/", 1)[0]
    if kind is None:
        return key, model
    return (model,) if kind.keyed_by_target else (key,)


def chained(row: Row[Any], *, traced: bool = True) -> dict[str, object]:
    """Return what the hash chain covers of a stored event.

    `traced` is False for one that was linked by the first release, whose chain left traces out.
    """
    facts: dict[str, object] = {}
    facts.update(zip(_CHAINED, _chained(row), strict=True))
    facts["observed_at"] = row.observed_at.isoformat()
    if row.time is not None:
        facts["time"] = row.time.isoformat()
    if traced and row.trace is not None:
        facts["trace"] = row.trace
    return facts


def readable(row: Row[Any]) -> Recorded:
    """Return a stored event. Raises Terminal: which one, where, what is wrong with it, the fix."""
    try:
        return recorded(row)
    except (KeyError, ValueError) as problem:
        where = "that has no place yet" if row.pos is None else f"at place {row.pos}"
        raise Terminal(
            f"the event {row.id} {where} cannot be read by this program ({row.type}: "
            f"{_words(problem)}): run the program that wrote it; if this one did, "
            "`sluice db verify` tells whether the ledger was changed since"
        ) from problem


def recorded(row: Row[Any]) -> Recorded:
    """Return a stored event. Raises KeyError for a type this code does not know, ValueError."""
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
    return Recorded(
        event=BY_TYPE[row.type].model_validate({**_json(row.data), "head": head}),
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
        retried=row.retried,
    )


def effect_of(row: Row[Any]) -> Effect:
    """Return an effect row."""
    return Effect(**row._mapping)  # noqa: SLF001 - SQLAlchemy's documented accessor


_ROWS: Mapping[type, TypeAdapter[Any]] = {view.row: TypeAdapter(view.row) for view in VIEWS}


def adapter(kind: type[Any]) -> TypeAdapter[Any]:
    """Return pydantic's reader and writer of a view row class."""
    return _ROWS[kind]


def _words(problem: Exception) -> str:
    """Return what is wrong with stored data in a few words."""
    if isinstance(problem, ValidationError):
        first = problem.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return "a type it does not know" if isinstance(problem, KeyError) else str(problem)


def _json(text: str) -> Mapping[str, Any]:
    """Return stored data as a mapping. Raises ValueError."""
    data = from_json(text)
    if not isinstance(data, dict):
        raise ValueError("its data is not a JSON object")  # noqa: TRY004 - as any unreadable data
    return data


_CHAINED = ("id", "source", "type", "subject", "key", "actor", "assurance", "cause", "data")
_chained = attrgetter(*_CHAINED)
