"""Fold pauses, by model key.

Place in the flow: the view `pause`; the effects door asks it before every write.
"""

from dataclasses import replace
from datetime import datetime

from processor.events import Event, WritesPaused, WritesResumed
from processor.values.pause import Pause

ROW = Pause


def keys_of(event: Event) -> tuple[str, ...]:
    """Return the pause an event begins or ends."""
    return (event.model_key,) if isinstance(event, WritesPaused | WritesResumed) else ()


def columns(row: Pause) -> tuple[str, str, str]:
    """Return model key, no slot, and `open` or `ended`."""
    return row.key, "", "ended" if row.ended else "open"


def fold(row: Pause | None, event: Event, at: datetime, key: str) -> Pause | None:
    """Return the pause after the event; a second one keeps the moment the first began."""
    if isinstance(event, WritesPaused):
        since = row.since if row is not None and not row.ended else at
        return Pause(key, event.head.actor, event.reason, since, event.head.id)
    return None if row is None else replace(row, ended=True)
