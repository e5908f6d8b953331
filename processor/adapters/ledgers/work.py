"""Work rows, lane by lane.

Place in the flow: `ports/work` on tables. A lane's head is its lowest place among ready and
running rows; waiting rows have left their lane and come back at its tail when due.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select, update
from sqlalchemy.dialects.sqlite import insert

from processor.adapters.ledgers import appending, rows, schema
from processor.adapters.ledgers.database import Database
from processor.events import BY_TYPE, Event
from processor.ports.clock import Clock
from processor.ports.work import Plan, Turn
from processor.values.work import Work

_AT_ONCE = 500  # events dispatched in one transaction

_work = schema.work


@dataclass(frozen=True, kw_only=True)
class TableWork:
    """WorkQueue."""

    database: Database
    clock: Clock
    appended: asyncio.Event

    async def dispatch(self, plan: Plan) -> int:
        """Make rows for placed events that have none, in order of place."""
        now = self.clock.now()
        return await self.database.write(lambda connection: _dispatch(connection, plan, now))

    async def claim(self, busy: Sequence[str], limit: int) -> Sequence[tuple[Work, Event]]:
        """Take due heads of lanes that are not busy."""
        now = self.clock.now()
        return await self.database.write(lambda connection: _claim(connection, busy, limit, now))

    async def recover(self) -> int:
        """Make rows ready again that ran when the last process ended; return how many."""

        def job(connection: Connection) -> int:
            changed = connection.execute(
                update(_work).where(_work.c.state == "running").values(state="ready")
            )
            return changed.rowcount

        return await self.database.write(job)

    async def settle(self, work: Work, events: Sequence[Event]) -> None:
        """Append what the handler said, and the row is done."""
        await self._end(work, "done", "", events)

    async def bury(self, work: Work, reason: str, told: Event | None) -> None:
        """Give the row up and tell it."""
        await self._end(work, "dead", reason, () if told is None else (told,))

    async def hurry(self, product: str) -> int:
        """Make the rows due that wait for a product which answers again; return how many."""
        now = self.clock.now()

        def job(connection: Connection) -> int:
            waiting = _work.c.error.startswith(f"{product}: ", autoescape=True)
            return connection.execute(
                update(_work)
                .where(_work.c.state == "ready", _work.c.due_at > now, waiting)
                .values(due_at=now)
            ).rowcount

        return await self.database.write(job)

    async def postpone(
        self, work: Work, *, until: datetime, error: str, tail: bool, blamed: bool
    ) -> None:
        """Put the row off, holding its lane or leaving it."""
        state = "waiting" if tail else "ready"
        await self.database.write(
            lambda connection: (
                connection.execute(
                    update(_work)
                    .where(_work.c.id == work.id)
                    .values(state=state, due_at=until, error=error, blamed=work.blamed + blamed)
                ).rowcount
            )
        )

    async def next_due(self) -> datetime | None:
        """Return when the next row that is not due yet falls due."""
        now = self.clock.now()

        def job(connection: Connection) -> datetime | None:
            return connection.execute(
                select(func.min(_work.c.due_at)).where(
                    _work.c.state.in_(["ready", "waiting"]), _work.c.due_at > now
                )
            ).scalar()

        return await self.database.read(job)

    async def _end(self, work: Work, state: str, error: str, events: Sequence[Event]) -> None:
        """End a row and append, in one."""
        now = self.clock.now()

        def job(connection: Connection) -> bool:
            done = appending.append(connection, now, events)
            connection.execute(
                update(_work).where(_work.c.id == work.id).values(state=state, error=error)
            )
            return bool(done.new)

        if await self.database.write(job):
            self.appended.set()


def _tail(connection: Connection) -> int:
    """Return the next place behind every row."""
    return (connection.execute(select(func.max(_work.c.place))).scalar() or 0) + 1


def _dispatch(connection: Connection, plan: Plan, now: datetime) -> int:
    """Plan turns for undispatched events of types this code knows."""
    table = schema.event
    waiting = connection.execute(
        select(table)
        .where(table.c.dispatched.is_(False), table.c.pos.is_not(None), table.c.type.in_(BY_TYPE))
        .order_by(table.c.pos)
        .limit(_AT_ONCE)
    ).all()
    place = _tail(connection) if waiting else 0
    for row in waiting:
        turns, error = _turns(plan, row)
        for turn in turns:
            connection.execute(
                insert(_work)
                .values(
                    event_seq=row.seq,
                    handler=turn.handler,
                    part=turn.part,
                    lane=turn.lane,
                    place=place,
                    state="dead" if error else "ready",
                    attempts=0,
                    blamed=0,
                    recorded_at=row.observed_at,
                    due_at=now,
                    error=error,
                )
                .on_conflict_do_nothing()
            )
            place += 1
        connection.execute(update(table).where(table.c.seq == row.seq).values(dispatched=True))
    return len(waiting)


def _turns(plan: Plan, row: Row[Any]) -> tuple[Sequence[Turn], str]:
    """Return an event's turns; one that cannot be read is a dead row, not the end of dispatch."""
    try:
        return plan(rows.recorded(row).event), ""
    except ValueError as unreadable:
        return [Turn("dispatch", "", f"unreadable:{row.id}")], f"cannot be read: {unreadable}"


def _claim(
    connection: Connection, busy: Sequence[str], limit: int, now: datetime
) -> list[tuple[Work, Event]]:
    """Bring due waiting rows back at their lanes' tails, then take due heads."""
    _return_to_tails(connection, now)
    heads = (
        select(func.min(_work.c.place))
        .where(_work.c.state.in_(["ready", "running"]), _work.c.lane.not_in(busy))
        .group_by(_work.c.lane)
    )
    due = connection.execute(
        select(_work)
        .where(_work.c.place.in_(heads), _work.c.state == "ready", _work.c.due_at <= now)
        .order_by(_work.c.place)
        .limit(limit)
    ).all()
    taken = []
    for row in due:
        stored = connection.execute(
            select(schema.event).where(schema.event.c.seq == row.event_seq)
        ).one()
        connection.execute(
            update(_work)
            .where(_work.c.id == row.id)
            .values(state="running", attempts=row.attempts + 1)
        )
        taken.append((rows.work_of(row, stored.id), rows.recorded(stored).event))
    return taken


def _return_to_tails(connection: Connection, now: datetime) -> None:
    """Give waiting rows that fell due new places behind their lanes."""
    back = (
        connection.execute(
            select(_work.c.id)
            .where(_work.c.state == "waiting", _work.c.due_at <= now)
            .order_by(_work.c.due_at, _work.c.place)
        )
        .scalars()
        .all()
    )
    place = _tail(connection) if back else 0
    for offset, row_id in enumerate(back):
        connection.execute(
            update(_work).where(_work.c.id == row_id).values(state="ready", place=place + offset)
        )
