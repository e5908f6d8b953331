"""Export old events and take them out of the ledger, so that nothing they proved is lost.

Place in the flow: `sluice db seal` through `app/maintenance`, under the lock.

Only a beginning of the chain is sealed, and only as far as nothing open needs it. What stays of
each event is (source, id, place, hash): a repeat of it is never news, and the chain goes on from
the last one. What stays of the views is how they stood then: a refold begins there. The events
themselves are in the export, which is on disk and read back before anything is removed.
"""

import json
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, func, insert, or_, select

from processor.adapters.ledgers import (
    comparing,
    copying,
    exports,
    meta,
    migrations,
    refolding,
    rows,
    schema,
)
from processor.errors import Terminal
from processor.rules.chain import START, link
from processor.rules.promotion import OPEN
from processor.values.promotion import Promotion
from processor.values.record import VersionRecord

_event = schema.event
_work = schema.work
_effect = schema.effect


@dataclass(frozen=True, kw_only=True)
class Sealed:
    """What was sealed; `events` 0: nothing. `stopped` says what kept the next event back."""

    events: int
    first: int
    last: int
    file: str
    stopped: str


@dataclass(frozen=True, kw_only=True)
class _Range:
    """The places to seal (`last` 0: none), and why no more."""

    first: int
    last: int
    stopped: str


@dataclass(frozen=True, kw_only=True)
class _Written:
    """An export as it was read back: what its first event is linked to, first and last hash."""

    previous: str
    first: str
    last: str


def seal(path: Path, registry_id: str, folder: Path, now: datetime, age: timedelta) -> Sealed:
    """Export what is older than `age` to a file in `folder`, and take it out of the ledger.

    A crash leaves the ledger as it was, at most with an export beside it that the next run makes
    again. Raises Terminal: the export does not read back as it should, or the views would change.
    """
    migrations.check_readable(path)
    with migrations.opening(path), copying.connected(path) as connection:
        span = _range(connection, now, age)
        if not span.last:
            return Sealed(events=0, first=0, last=0, file="", stopped=span.stopped)
        with migrations.opening(folder):
            folder.mkdir(parents=True, exist_ok=True)
            file = folder.absolute() / f"sluice-{registry_id}-{span.first}-{span.last}.jsonl.gz"
            digest = exports.write(file, _lines(connection, path, span))
            written = _read_back(connection, file, span)
            _write_manifest(file, registry_id, digest, span, written)
    with migrations.opening(path), copying.connected(path, writing=True) as connection:
        _take_out(connection, span, file, digest)
    return Sealed(
        events=span.last - span.first + 1,
        first=span.first,
        last=span.last,
        file=str(file),
        stopped=span.stopped,
    )


def _range(connection: Connection, now: datetime, age: timedelta) -> _Range:
    """Return how far the chain's beginning may be sealed."""
    placed = select(func.min(_event.c.pos), func.max(_event.c.pos))
    first, newest = connection.execute(placed).one()
    if first is None:
        return _Range(first=0, last=0, stopped="there are no events")
    stops = [(int(newest), "the newest event always stays: the chain goes on from it")]
    stops += _stops(connection, now, age)
    stop, why = min(stops)
    return _Range(first=first, last=stop - 1 if stop > first else 0, stopped=f"place {stop}: {why}")


def _stops(connection: Connection, now: datetime, age: timedelta) -> Iterator[tuple[int, str]]:
    """Yield places that have to stay, and why."""
    younger = select(func.min(_event.c.pos)).where(_event.c.observed_at >= now - age)
    undone = select(func.min(_event.c.pos)).where(schema.UNDISPATCHED)
    unfinished = (
        select(_event.c.pos, _work.c.handler, _work.c.state, _work.c.id)
        .join(_work, _work.c.event_seq == _event.c.seq)
        .where(_work.c.state.not_in(["done", "dropped"]))
        .order_by(_event.c.pos)
        .limit(1)
    )
    # One that was read back is closed; behind its quiet window none can land any more. What
    # became of those is told by events or seen outside: their rows stay as they were left.
    doubtful = (
        select(_event.c.pos, _effect.c.kind, _effect.c.subject, _effect.c.quiet_until)
        .join(_effect, _effect.c.cause == _event.c.id)
        .where(
            _effect.c.state.in_(["sending", "ambiguous"]),
            _effect.c.closed.is_(None),
            or_(_effect.c.quiet_until.is_(None), _effect.c.quiet_until > now),
        )
        .order_by(_event.c.pos)
        .limit(1)
    )
    if (pos := connection.execute(younger).scalar()) is not None:
        yield pos, "it is younger than that"
    if (pos := connection.execute(undone).scalar()) is not None:
        yield pos, "nobody has planned its work yet"
    if (row := connection.execute(unfinished).first()) is not None:
        fix = f": `sluice dead retry {row.id}` or `sluice dead drop {row.id}`"
        yield (
            row.pos,
            f"row {row.id} ({row.handler}) is {row.state}{fix if row.state == 'dead' else ''}",
        )
    if (row := connection.execute(doubtful).first()) is not None:
        until = f" until {row.quiet_until:%Y-%m-%dT%H:%M:%SZ}" if row.quiet_until else ""
        yield row.pos, f"the write {row.kind} of {row.subject} is in doubt{until}"
    for event_id, why in _told_by(connection):
        pos = connection.execute(select(_event.c.pos).where(_event.c.id == event_id)).scalar()
        if pos is not None:
            yield pos, why


def _told_by(connection: Connection) -> Iterator[tuple[str, str]]:
    """Yield the events with which what is still open began, and what that is."""
    promotion: Promotion
    for promotion in _in_state(connection, Promotion, OPEN):
        yield promotion.request_id, f"promotion {promotion.id} is still {promotion.state}"
    record: VersionRecord
    for record in _in_state(connection, VersionRecord, ("live",)):
        judgement = record.judgement
        if judgement is not None and judgement.verdict is None:
            yield judgement.event_id, f"{record.version} is still being judged"


def _in_state(connection: Connection, kind: type[Any], states: Collection[str]) -> Iterator[Any]:
    """Yield a view's rows in these states."""
    table, adapter = schema.views[kind], rows.adapter(kind)
    for stored in connection.execute(select(table.c.data).where(table.c.state.in_(states))):
        yield adapter.validate_json(stored.data)


def _lines(connection: Connection, path: Path, span: _Range) -> Iterator[str]:
    """Yield the events of a range as an export has them, in order.

    Raises Terminal for an event that this program cannot read: it could not fold it either.
    """
    life = meta.incarnation(connection).number
    inside = select(_event).where(_event.c.pos.between(span.first, span.last))
    with migrations.opening(path):  # what is wrong here is the ledger's, not the folder's
        for row in connection.execute(inside.order_by(_event.c.pos)):
            rows.readable(row)
            yield exports.line(row, life)


def _hash_before(connection: Connection, first: int) -> str:
    """Return the hash the first event of a range is linked to."""
    table = schema.sealed
    found = connection.execute(select(table.c.hash).where(table.c.pos == first - 1)).scalar()
    return found or START


def _read_back(connection: Connection, file: Path, span: _Range) -> _Written:
    """Read the export as it stands on disk. Raises Terminal unless it is whole and linked."""
    before = previous = _hash_before(connection, span.first)
    traced_from = meta.traced_from(connection)
    place, first = span.first, ""
    for one in exports.read(file):
        if one.pos != place:
            place = 0
            break
        if link(previous, one.pos, one.chained(traced=one.pos >= traced_from)) != one.hash:
            raise Terminal(
                f"the event at place {one.pos} is not what was recorded: `sluice db verify` tells "
                "more; nothing removed"
            )
        place, previous, first = place + 1, one.hash, first or one.hash
    if place != span.last + 1:
        raise Terminal(f"{file} does not hold places {span.first} to {span.last}; nothing removed")
    return _Written(previous=before, first=first, last=previous)


def _write_manifest(
    file: Path, registry_id: str, digest: str, span: _Range, written: _Written
) -> None:
    """Write what the export holds beside it."""
    found = {
        "registry": registry_id,
        "file": file.name,
        "sha256": digest,
        "count": span.last - span.first + 1,
        "first_pos": span.first,
        "last_pos": span.last,
        "previous_hash": written.previous,
        "first_hash": written.first,
        "last_hash": written.last,
    }
    name = file.name.removesuffix(".jsonl.gz") + ".manifest.json"
    exports.put(file.with_name(name), (json.dumps(found, indent=2) + "\n").encode())


def _take_out(connection: Connection, span: _Range, file: Path, digest: str) -> None:
    """Keep what must stay known of the range, and remove its events, in one transaction."""
    inside = _event.c.pos.between(span.first, span.last)
    comparing.remember(connection)
    until = connection.execute(select(func.max(_event.c.observed_at)).where(inside)).scalar()
    refolding.advance(connection, span.last)
    connection.execute(
        insert(schema.sealed).from_select(
            ["source", "id", "pos", "hash"],
            select(_event.c.source, _event.c.id, _event.c.pos, _event.c.hash).where(inside),
        )
    )
    connection.execute(
        insert(schema.seal).values(
            first_pos=span.first, last_pos=span.last, until=until, file=str(file), digest=digest
        )
    )
    connection.execute(
        delete(_work).where(_work.c.event_seq.in_(select(_event.c.seq).where(inside)))
    )
    # One whose key names its cause can never be asked for again; the others say what exists.
    connection.execute(
        delete(_effect).where(
            _effect.c.cause.in_(select(_event.c.id).where(inside)),
            func.instr(_effect.c.key, _effect.c.cause) > 0,
            _effect.c.closed.is_not(None)
            | (_effect.c.field == "")
            | _effect.c.state.in_(["todo", "suppressed"]),  # never sent: nobody will see it
        )
    )
    connection.execute(delete(_event).where(inside))
    refolding.refold(connection)
    if changed := comparing.differences(connection):
        raise Terminal(
            f"the views would change ({asdict(changed[0])}): `sluice db refold` first; nothing "
            "removed"
        )
