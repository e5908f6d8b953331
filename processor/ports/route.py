"""A row of the table of contents, shared by routes and engine.

Place in the flow: `routes.py` lists them, `engine/ingest` turns them into work rows and
`engine/worker` calls their handlers.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from processor.events import Event

E = TypeVar("E", bound=Event)


@dataclass(frozen=True, kw_only=True)
class Route(Generic[E]):
    """Which handler a kind of event concerns, in which lane, for which part.

    `lane` returns None when the event is not this handler's; `name` is the handler's file.
    `limit` is how many seconds one turn may take; `together` how many turns the handler may have
    at once for this part, whatever kinds of events they are about. Rows of the same name and part
    agree on it.
    """

    kind: type[E]
    name: str
    handler: Callable[[E], Awaitable[Sequence[Event]]]
    lane: Callable[[E], str | None]
    part: str = ""
    limit: float = 120.0
    together: int = 8
