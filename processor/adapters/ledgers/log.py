"""The event log.

Place in the flow: `ports/log` and `ports/places` on tables. `appended` is set after each commit
that added something: the relay's wake-up.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Select, Table, select, update

from processor.adapters.ledgers import appending, rows, schema
from processor.adapters.ledgers.database import Database
from processor.events import BY_TYPE, Event
from processor.ports.clock import Clock
from processor.ports.log import Appended, Recorded
from processor.rules.chain import START, link
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
    ) -> Appended:
        """Store events, snapshot, closings and folds in one transaction."""
        now = self.clock.now()
        done = await self.database.write(
            lambda connection: appending.append(connection, now, events, snapshot, closings)
        )
        if done.new:
            self.appended.set()
        return done

    async def get(self, event_id: str) -> Recorded | None:
        """Return one event by id."""
        found = await self._select(lambda e: select(e).where(e.c.id == event_id))
        return found[0] if found else None

    async def of_key(self, key: str, until: datetime | None = None) -> Sequence[Recorded]:
        """Return one model's events in the order they were stored."""
        found = await self._select(
            lambda e: select(e).where(e.c.model_key == key).order_by(e.c.seq)
        )
        return [one for one in found if until is None or one.at <= until]

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
        return await self.database.write(lambda connection: _place(connection, limit))

    async def _select(self, query: _Query) -> list[Recorded]:
        """Return events of types this code knows."""

        def job(connection: Connection) -> list[Recorded]:
            found = connection.execute(query(schema.event))
            return [rows.recorded(row) for row in found if row.type in BY_TYPE]

        return await self.database.read(job)


def _place(connection: Connection, limit: int) -> list[Recorded]:
    """Link events to the chain in the order they were stored."""
    table = schema.event
    waiting = connection.execute(
        select(table).where(table.c.pos.is_(None)).order_by(table.c.seq).limit(limit)
    ).all()
    if not waiting:
        return []
    last = connection.execute(
        select(table.c.pos, table.c.hash)
        .where(table.c.pos.is_not(None))
        .order_by(table.c.pos.desc())
        .limit(1)
    ).first()
    pos, previous = (last.pos, last.hash) if last else (0, START)
    placed = []
    for row in waiting:
        pos += 1
        previous = link(previous, pos, rows.chained(row))
        connection.execute(
            update(table).where(table.c.seq == row.seq).values(pos=pos, hash=previous)
        )
        # One that this code cannot read has its place all the same: dispatch tells of it.
        with suppress(ValueError):
            if row.type in BY_TYPE:
                one = rows.recorded(row)
                placed.append(Recorded(one.event, one.observed_at, one.at, pos, previous))
    return placed
