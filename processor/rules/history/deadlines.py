"""Fold deadlines, by the key of what waits.

Place in the flow: the view `deadline`; due times are in the events, `sources/deadlines` tells
each one that passes.
"""

from dataclasses import replace
from datetime import datetime

from processor.events import (
    DeadlinePassed,
    EvaluationFailed,
    EvaluationInconclusive,
    EvaluationPassed,
    EvaluationStarted,
    Event,
)
from processor.values.deadline import Deadline

ROW = Deadline

GATE_WINDOW = "gate window"


def key_of(event: Event) -> str | None:
    """Return the deadline an event sets, lifts or tells."""
    match event:
        case EvaluationStarted() | EvaluationPassed() | EvaluationFailed():
            return f"gates:{event.version.path}"
        case EvaluationInconclusive():
            return f"gates:{event.version.path}"
        case DeadlinePassed():
            return event.deadline
        case _:
            return None


def columns(row: Deadline) -> tuple[str, str, str]:
    """Return model key, no slot, and `open` or `passed`."""
    return row.model_key, "", "passed" if row.passed else "open"


def fold(row: Deadline | None, event: Event, at: datetime) -> Deadline | None:  # noqa: ARG001
    """Return the deadline after the event; a verdict lifts it, an older one's end does not."""
    if isinstance(event, EvaluationStarted):
        return Deadline(
            key=f"gates:{event.version.path}",
            kind=GATE_WINDOW,
            due=event.due,
            model_key=event.head.key,
            version=event.version,
            event_id=event.head.id,
        )
    if row is None or (isinstance(event, DeadlinePassed) and event.event_id != row.event_id):
        return row
    return replace(row, passed=True)
