"""Rows that do not go on by themselves, on tables.

Place in the flow: `ports/dead` for `retry` and `drop`; `counting` lists with `stuck`. Nothing
here parses an event for a list: the row may be dead because nobody can.
"""

import asyncio
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, select, update

from processor.adapters.ledgers import appending, lanes, rows, schema
from processor.adapters.ledgers.database import Database
from processor.errors import Refused
from processor.events import WorkDropped, WorkRetried
from processor.ports.clock import Clock
from processor.values.work import Stuck

_MOST = 1000  # rows listed

_work, _event = schema.work, schema.event


@dataclass(frozen=True, kw_only=True)
class TableDead:
    """DeadRows."""

    database: Database
    clock: Clock
    appended: asyncio.Event

    async def get(self, work_id: int) -> Stuck | None:
        """Return one row."""
        found = await self.database.read(
            lambda connection: stuck(connection, _work.c.id == work_id)
        )
        return found[0] if found else None

    async def retry(self, work_id: int, told: WorkRetried) -> None:
        """Put a dead row back at its lane's tail, with a new budget and a new patience."""
        now = self.clock.now()

        def job(connection: Connection) -> None:
            row = _dead(connection, work_id, told)
            if row is None:
                return
            if row.handler == rows.DISPATCH:
                _dispatched_anew(connection, row)
            else:
                connection.execute(
                    update(_work)
                    .where(_work.c.id == work_id)
                    .values(
                        attempts=0,
                        blamed=0,
                        crashes=0,
                        retried=row.retried + 1,
                        recorded_at=now,
                        due_at=now,
                    )
                )
                lanes.enter(connection, [(work_id, row.lane)])
            appending.append(connection, now, [told])

        await self.database.write(job)
        self.appended.set()

    async def drop(self, work_id: int, told: WorkDropped) -> None:
        """Lay a dead row aside; its error stays readable."""
        now = self.clock.now()

        def job(connection: Connection) -> None:
            if _dead(connection, work_id, told) is not None:
                connection.execute(
                    update(_work).where(_work.c.id == work_id).values(state="dropped", due_at=now)
                )
                appending.append(connection, now, [told])

        await self.database.write(job)
        self.appended.set()


def stuck(connection: Connection, those: ColumnElement[bool]) -> list[Stuck]:
    """Return the newest of the rows that are meant, with what their events are about."""
    found = connection.execute(
        select(
            _work,
            _event.c.id.label("event_id"),
            _event.c.type.label("kind"),
            _event.c.subject,
            _event.c.model_key,
        )
        .join(_event, _event.c.seq == _work.c.event_seq)
        .where(those)
        .order_by(_work.c.id.desc())
        .limit(_MOST)
    )
    return [
        Stuck(
            work=rows.work_of(row, row.event_id),
            kind=_plain(row.kind),
            subject=row.subject,
            model_key=row.model_key,
        )
        for row in found
    ]


def _plain(type_name: str) -> str:
    """Return an event's type without its dress."""
    return type_name.removeprefix("sluice.").removesuffix(".v1")


def _dead(connection: Connection, work_id: int, told: WorkRetried | WorkDropped) -> Row[Any] | None:
    """Return the row; None when the same wish was granted a moment ago."""
    said = select(_event.c.seq).where(_event.c.id == told.head.id)
    if connection.execute(said).first() is not None:
        return None
    row = connection.execute(select(_work).where(_work.c.id == work_id)).one()
    if row.state != "dead":
        raise Refused("Not dead", f"row {work_id} of {row.handler} is {row.state}, not dead")
    return row


def _dispatched_anew(connection: Connection, row: Row[Any]) -> None:
    """Let dispatch plan an event again that could not be read; refuse one that still cannot."""
    stored = connection.execute(select(_event).where(_event.c.seq == row.event_seq)).one()
    try:
        rows.recorded(stored)
    except (KeyError, ValueError) as unreadable:
        raise Refused(
            "Cannot be read",
            f"event {stored.id} of row {row.id} still cannot be read: {unreadable}; run the "
            "program that wrote it, or drop the row",
        ) from unreadable
    connection.execute(delete(_work).where(_work.c.id == row.id))
    connection.execute(update(_event).where(_event.c.seq == row.event_seq).values(dispatched=False))
