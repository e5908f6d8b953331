"""Events read a moment ago, so that relay, dispatch and worker parse each only once.

Place in the flow: the relay's `place` remembers what it links; `dispatching` and `claiming` ask
for events here. An event is remembered by its hash in the chain, which covers all it says: what
is stored under another hash is another event.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, bindparam, select

from processor.adapters.ledgers import rows, schema
from processor.events import Event

_MOST = 4096

_known: dict[str, Event] = {}


def remember(digest: str, event: Event) -> None:
    """Keep an event for those who ask for it soon; the oldest is forgotten."""
    _known[digest] = event
    if len(_known) > _MOST:
        _known.pop(next(iter(_known)), None)


def events(
    connection: Connection, wanted: Sequence[tuple[int, str]]
) -> Mapping[int, Event | Exception]:
    """Return events by number, from (number, hash); an exception for one that cannot be read."""
    found: dict[int, Event | Exception] = {}
    for seq, digest in wanted:
        known = _known.get(digest)
        if known is not None:
            found[seq] = known
    missing = [seq for seq, _ in wanted if seq not in found]
    if missing:
        for row in connection.execute(_STORED, {"seqs": missing}):
            try:
                found[row.seq] = rows.recorded(row).event
            except (KeyError, ValueError) as unreadable:
                found[row.seq] = unreadable
    return found


_event = schema.event
_STORED = select(_event).where(_event.c.seq.in_(bindparam("seqs", expanding=True)))
