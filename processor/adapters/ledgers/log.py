"""The event log.

Place in the flow: `ports/log` and `ports/places` on tables. `appended`, the relay's wake-up, is
set when an append is handed to the database: what the relay asks for comes behind it in the queue,
and shares its commit.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Select, Table, bindparam, select, update

from processor.adapters.ledgers import appending, checkpoints, recent, rows, schema
from processor.adapters.ledgers.database import Database
from processor.adapters.ledgers.prepared import Prepared
from processor.events import BY_TYPE, Event
from processor.ports.clock import Clock
from processor.ports.log import Appended, Recorded, Sealed
from processor.rules.chain import START, link
from processor.values.deadline import Deadline
from processor.values.effect import EffectClosing
from processor.values.snapshot import Snapshot

_Query = Callable[[Table], Select[tuple[object, ...]]]


@dataclass(frozen=True, kw_only=True)
class TableLog:
    """EventLog and Places."""

    database: Database
    clock: Clock
    appended: asyncio.Event

    async def append(
        self,
        events: Sequence[Event],
        *,
        snapshot: Snapshot | None = None,
        closings: Sequence[EffectClosing] = (),
        waiting: Deadline | None = None,
    ) -> Appended:
        """Store events, snapshot, closings and folds in one transaction."""
        entry = appending.Entry(
            now=self.clock.now(),
            events=events,
            snapshot=snapshot,
            closings=closings,
            waiting=waiting,
        )
        if events:
            self.appended.set()
        return await self.database.join(appending.enter, entry)

    async def get(self, event_id: str) -> Recorded | None:
        """Return one event by id."""
        found = await self._select(lambda e: select(e).where(e.c.id == event_id))
        return found[0] if found else None

    async def present(self, ids: Sequence[str]) -> Sequence[Recorded]:
        """Return the events that have one of these ids."""
        return await self._select(lambda e: select(e).where(e.c.id.in_(ids)).order_by(e.c.seq))

    async def lately(self, kind: type[Event], key: str, among: int) -> Sequence[Recorded]:
        """Return those of one type among a model's newest events."""
        name = kind.type_name()

        def newest(e: Table) -> Select[tuple[object, ...]]:
            seqs = select(e.c.seq).where(e.c.model_key == key).order_by(e.c.seq.desc()).limit(among)
            return select(e).where(e.c.seq.in_(seqs), e.c.type == name).order_by(e.c.seq)

        return await self._select(newest)

    async def of_key(self, key: str, until: datetime | None = None) -> Sequence[Recorded]:
        """Return one model's events in the order they were stored."""
        found = await self._select(
            lambda e: select(e).where(e.c.model_key == key).order_by(e.c.seq)
        )
        return [one for one in found if until is None or one.at <= until]

    async def sealed(self, key: str) -> Sealed | None:
        """Return the newest seal, and how one model's views stood behind it."""

        def job(connection: Connection) -> Sealed | None:
            seal = schema.seal
            last = connection.execute(
                select(seal).order_by(seal.c.last_pos.desc()).limit(1)
            ).first()
            if last is None:
                return None
            return Sealed(last.last_pos, last.until, last.file, checkpoints.load(connection, key))

        return await self.database.read(job)

    async def of_type(self, kind: type[Event], key: str) -> Sequence[Recorded]:
        """Return one model's events of one type in the order they were stored."""
        name = kind.type_name()
        return await self._select(
            lambda e: (
                select(e).where(e.c.model_key == key).where(e.c.type == name).order_by(e.c.seq)
            )
        )

    async def page(self, after: int, limit: int) -> Sequence[Recorded]:
        """Return placed events behind a position."""
        return await self._select(
            lambda e: select(e).where(e.c.pos > after).order_by(e.c.pos).limit(limit)
        )

    async def place(self, limit: int) -> Sequence[Recorded]:
        """Give unplaced events the next positions and hashes."""
        return await self.database.write(lambda connection: _place(connection, limit), late=1)

    async def _select(self, query: _Query) -> list[Recorded]:
        """Return events of types this code knows. Raises Terminal for one it cannot read."""

        def job(connection: Connection) -> list[Recorded]:
            found = connection.execute(query(schema.event))
            return [rows.readable(row) for row in found if row.type in BY_TYPE]

        return await self.database.read(job)


def _place(connection: Connection, limit: int) -> list[Recorded]:
    """Link events to the chain in the order they were stored."""
    waiting = connection.execute(_UNPLACED, {"most": limit}).all()
    if not waiting:
        return []
    last = connection.execute(_LAST).first()
    pos, previous = (last.pos, last.hash) if last else (0, START)
    links: list[dict[str, object]] = []
    placed = []
    for row in waiting:
        pos += 1
        previous = link(previous, pos, rows.chained(row))
        links.append({"the_seq": row.seq, "pos": pos, "hash": previous})
        # One that this code cannot read has its place all the same: dispatch tells of it.
        with suppress(ValueError):
            if row.type in BY_TYPE:
                one = rows.recorded(row)
                placed.append(Recorded(one.event, one.observed_at, one.at, pos, previous))
                recent.remember(previous, one.event)
    _PLACED.many(connection, links)
    return placed


_event = schema.event
_UNPLACED = (
    select(_event).where(_event.c.pos.is_(None)).order_by(_event.c.seq).limit(bindparam("most"))
)
_LAST = (
    select(_event.c.pos, _event.c.hash)
    .where(_event.c.pos.is_not(None))
    .order_by(_event.c.pos.desc())
    .limit(1)
)
_PLACED = Prepared(
    update(_event)
    .where(_event.c.seq == bindparam("the_seq"))
    .values(pos=bindparam("pos"), hash=bindparam("hash"))
)
