"""Fold holds, by model and target.

Place in the flow: the view `hold`; one that has an end is lifted by its deadline.
"""

from dataclasses import replace
from datetime import datetime

from processor.events import DeadlinePassed, Event, TargetHeld, TargetReleased
from processor.values.hold import Hold, hold_key

ROW = Hold


def keys_of(event: Event) -> tuple[str, ...]:
    """Return the hold an event begins or ends."""
    match event:
        case TargetHeld() | TargetReleased():
            return (hold_key(event.head.key, event.target),)
        case DeadlinePassed(what="hold"):
            return (hold_key(event.head.key, event.target),)
        case _:
            return ()


def columns(row: Hold) -> tuple[str, str, str]:
    """Return model key, no slot, and `open` or `ended`."""
    return row.model_key, "", "ended" if row.ended else "open"


def fold(row: Hold | None, event: Event, at: datetime, key: str) -> Hold | None:
    """Return the hold after the event; an older hold's end does not lift a newer one."""
    if isinstance(event, TargetHeld):
        return Hold(
            key=key,
            model_key=event.head.key,
            target=event.target,
            by=event.head.actor,
            reason=event.reason,
            since=at,
            event_id=event.head.id,
            until=event.until,
        )
    if row is None:
        return None
    if isinstance(event, DeadlinePassed) and event.event_id != row.event_id:
        return row
    return replace(row, ended=True)
