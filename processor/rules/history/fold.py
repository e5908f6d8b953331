"""The list of views, and folding many events at once.

Place in the flow: the ledger folds inside each append; `why --at` and a refold use `fold_all`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from processor.events import Event
from processor.rules.history import (
    deadlines,
    holds,
    models,
    pauses,
    promotions,
    records,
    servings,
)

VERSION = 9
"""Moves whenever any fold changes: a ledger folded by another version is refolded at start."""


class At(Protocol):
    """An event and the moment it counts from."""

    @property
    def event(self) -> Event:
        """Return the event."""
        ...

    @property
    def at(self) -> datetime:
        """Return its own time, else when it was recorded."""
        ...


@dataclass(frozen=True)
class View:
    """One view: its row class, which rows an event concerns, the fold, and what to find it by.

    `columns` gives (model key, slot key, state) of a row.
    """

    row: type[Any]
    keys_of: Callable[[Event], tuple[str, ...]]
    fold: Callable[[Any, Event, datetime, str], Any]
    columns: Callable[[Any], tuple[str, str, str]]

    @property
    def name(self) -> str:
        """Return the table's name."""
        return self.row.__name__.lower()


VIEWS: tuple[View, ...] = tuple(
    View(module.ROW, module.keys_of, module.fold, module.columns)
    for module in (promotions, servings, records, models, deadlines, pauses, holds)
)


def fold_all(
    happened: Iterable[At], begun: Mapping[type[Any], Mapping[str, Any]] | None = None
) -> dict[type[Any], dict[str, Any]]:
    """Return every view as it stands after these events, in the order given.

    `begun` is how the views stood before them, where older events are not at hand any more.
    """
    views = {view.row: dict((begun or {}).get(view.row, {})) for view in VIEWS}
    for recorded in happened:
        for view in VIEWS:
            rows = views[view.row]
            for key in view.keys_of(recorded.event):
                row = view.fold(rows.get(key), recorded.event, recorded.at, key)
                if row is not None:
                    rows[key] = row
    return views
