"""Fold what serves, by slot.

Place in the flow: the view `serving`; approved and serving are two facts, readers show both.
"""

from dataclasses import replace
from datetime import datetime

from processor.events import Event, RolloutSucceeded, ServingChanged
from processor.values.serving import Serving
from processor.values.version import Version

ROW = Serving


def keys_of(event: Event) -> tuple[str, ...]:
    """Return the slot an event concerns."""
    return (event.slot.key,) if isinstance(event, ServingChanged | RolloutSucceeded) else ()


def columns(row: Serving) -> tuple[str, str, str]:
    """Return model key, slot key and state (always empty)."""
    return row.model_key, row.slot.key, ""


def fold(row: Serving | None, event: Event, at: datetime, key: str) -> Serving | None:  # noqa: ARG001
    """Return what serves after the event."""
    if isinstance(event, ServingChanged):
        return Serving(
            slot=event.slot,
            model_key=event.head.key.rsplit("/", 1)[0],
            target=event.target,
            uri=event.uri,
            version=event.version,
            approved=event.approved,
            promotion_id=event.promotion_id,
            since=at,
            observed_at=at,
            previous=_before(row, event),
            endpoint=event.endpoint,
            prediction=event.prediction,
        )
    if row is not None and isinstance(event, RolloutSucceeded) and row.uri == event.uri:
        return replace(row, observed_at=at, endpoint=event.endpoint, prediction=event.prediction)
    return row


def _before(row: Serving | None, event: ServingChanged) -> Version | None:
    """Return the version that served before this one; an outage in between does not count."""
    if row is None:
        return None
    return row.previous if row.version in {None, event.version} else row.version
