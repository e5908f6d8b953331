"""Fold a model's aliases, by model key.

Place in the flow: the view `modelrecord`.
"""

from dataclasses import replace
from datetime import datetime

from processor.events import AliasRemoved, AliasSet, DriftFound, Event, VersionMarked
from processor.rules.history.strangers import change, marked, moved
from processor.values.record import ModelRecord

ROW = ModelRecord


def keys_of(event: Event) -> tuple[str, ...]:
    """Return the model an event concerns."""
    if isinstance(event, AliasSet | AliasRemoved):
        return (event.head.key,)
    if isinstance(event, VersionMarked) and event.mark.startswith("alias:"):
        return (event.version.key,)
    if isinstance(event, DriftFound) and event.field.startswith("alias:"):
        return (event.version.key,)
    return ()


def columns(row: ModelRecord) -> tuple[str, str, str]:
    """Return the model key; no slot, no state."""
    return row.key, "", ""


def fold(row: ModelRecord | None, event: Event, at: datetime, key: str) -> ModelRecord | None:  # noqa: ARG001
    """Return the model's record after the event."""
    if row is None:
        row = ModelRecord(key)
    if isinstance(event, VersionMarked):
        alias = event.mark.removeprefix("alias:")
        number, authors = marked(row.aliases.get(alias, ""), event, row.authors)
        return replace(row, aliases=_named(row, alias, number), authors=authors)
    if isinstance(event, AliasSet | AliasRemoved):
        seen = row.aliases.get(event.alias, "")
        authors = moved(event, f"alias:{event.alias}", seen, row.authors)
        _, now = change(event)
        return replace(row, aliases=_named(row, event.alias, now), authors=authors)
    return row


def _named(row: ModelRecord, alias: str, number: str) -> dict[str, str]:
    """Return the aliases with one of them moved, or removed for an empty number."""
    others = {name: old for name, old in row.aliases.items() if name != alias}
    return {**others, alias: number} if number else others
