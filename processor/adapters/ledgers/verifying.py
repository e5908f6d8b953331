"""Is the file whole, and does the hash chain hold?

Place in the flow: `sluice db check` and `doctor` ask the first, `sluice db verify` the second;
`backup`, `restore` and `sealing` believe no copy before both are answered.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, func, select

from processor.adapters.ledgers import exports, meta, rows, schema
from processor.adapters.ledgers.complaints import words
from processor.rules.chain import START, link

_SHOWN = 20


@dataclass(frozen=True, kw_only=True)
class Chain:
    """What recomputing the chain found.

    `checked` events were recomputed, `sealed` ones are known by their hash alone; `pos` and
    `hash` are the last place's; `problems` are empty when the chain holds.
    """

    checked: int
    sealed: int
    pos: int
    hash: str
    problems: tuple[str, ...]


def problems_of(path: Path, *, quick: bool = False) -> tuple[str, ...]:
    """Return what SQLite finds wrong with a file's pages (and, unless `quick`, its indexes)."""
    pragma = "quick_check" if quick else "integrity_check"
    address = f"{path.absolute().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True, timeout=5)) as file:
            found = [str(row[0]) for row in file.execute(f"PRAGMA {pragma}({_SHOWN})")]
    except sqlite3.Error as error:
        return (words(path, error),)
    return () if found == ["ok"] else tuple(found)


def chain(connection: Connection, files: Sequence[Path] = ()) -> Chain:
    """Recompute the chain over the exports given and the events kept. Raises Terminal.

    It covers what every event says of itself and its place; what the ledger files it by (number,
    model, the work it led to) is compared with that. Sealed events whose export is not given
    stand by the hash the ledger kept of them. Outside are the views, which a refold compares, and
    what is no event: rows of work, effects, snapshots, and whether an event was dispatched.
    """
    table = schema.sealed
    sealed = connection.execute(select(func.count()).select_from(table)).scalar_one()
    problems: list[str] = []
    checked = 0
    for file in files:
        count, found = _of_export(connection, file)
        checked += count
        problems += found
    pos, previous = _last_sealed(connection)
    if pos != sealed:
        problems.append(f"{sealed} sealed events are known, but the last one's place is {pos}")
    events, seq, traced_from = schema.event, 0, meta.traced_from(connection)
    kept = connection.execute(
        select(events).where(events.c.pos.is_not(None)).order_by(events.c.pos)
    )
    for row in kept:
        if row.pos != pos + 1:
            problems.append(f"place {pos + 1} is missing: {row.pos} follows {pos}")
        expected = link(previous, row.pos, rows.chained(row, traced=row.pos >= traced_from))
        if expected != row.hash:
            problems.append(f"event {row.id} at place {row.pos} is not what was recorded")
        problems += _misplaced(row, seq)
        pos, previous, seq = row.pos, row.hash, row.seq
        checked += 1
    problems += _orphans(connection)
    return Chain(
        checked=checked, sealed=sealed, pos=pos, hash=previous, problems=tuple(problems[:_SHOWN])
    )


def _misplaced(row: Row[Any], seq: int) -> Iterator[str]:
    """Yield where an event would be looked for in vain, or folded out of order.

    Number and model follow from its place, its type and its key, which the chain covers.
    """
    if row.seq <= seq:
        yield f"event {row.id} at place {row.pos} has number {row.seq}, but {seq} stands before it"
    whose = rows.model_keys(row.type, row.key)
    if row.model_key not in whose:
        yield f"event {row.id} at place {row.pos} is kept for {row.model_key}, not for {whose[0]}"


def _orphans(connection: Connection) -> Iterator[str]:
    """Yield the rows of work whose event is not there."""
    work, events = schema.work, schema.event
    there = select(events.c.seq).where(events.c.seq == work.c.event_seq).exists()
    found = connection.execute(select(work.c.id, work.c.event_seq).where(~there).limit(_SHOWN))
    for row in found:
        yield f"row {row.id} of work belongs to event number {row.event_seq}, which is not there"


def _last_sealed(connection: Connection) -> tuple[int, str]:
    """Return place and hash of the last sealed event; the chain's start when there is none."""
    table = schema.sealed
    last = connection.execute(
        select(table.c.pos, table.c.hash).order_by(table.c.pos.desc()).limit(1)
    ).first()
    return (last.pos, last.hash) if last else (0, START)


def _of_export(connection: Connection, file: Path) -> tuple[int, list[str]]:
    """Check one export against itself and against what the ledger kept of its events."""
    table, traced_from = schema.sealed, meta.traced_from(connection)
    problems: list[str] = []
    count, previous, expected, first = 0, "", 0, 0
    for one in exports.read(file):
        if not count:
            first = one.pos
            before = select(table.c.hash).where(table.c.pos == one.pos - 1)
            previous = connection.execute(before).scalar() or START
            expected = one.pos
        known = connection.execute(
            select(table.c.source, table.c.id, table.c.hash).where(table.c.pos == one.pos)
        ).first()
        chained = one.chained(traced=one.pos >= traced_from)
        whole = link(previous, one.pos, chained) == one.hash and known == (
            *(chained["source"], chained["id"]),
            one.hash,
        )
        if not whole or one.pos != expected:
            problems.append(f"{file}: the event at place {one.pos} is not what was sealed")
        previous, count, expected = one.hash, count + 1, one.pos + 1
    seal = schema.seal
    ranges = connection.execute(select(seal.c.first_pos, seal.c.last_pos)).all()
    if (first, expected - 1) not in [tuple(row) for row in ranges]:
        problems.append(f"{file}: holds places {first} to {expected - 1}, which is no whole export")
    return count, problems
