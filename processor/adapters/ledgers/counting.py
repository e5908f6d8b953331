"""How the ledger stands.

Place in the flow: `ports/work.WorkReader` on tables, for status, `/readyz` and metrics.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Table, and_, func, or_, select

from processor.adapters.ledgers import dead, rows, schema
from processor.adapters.ledgers.database import Database
from processor.ports.work import Summary
from processor.values.work import Stuck, Work, WorkState

_SHOWN = 100  # rows listed by name


@dataclass(frozen=True, kw_only=True)
class TableCounts:
    """WorkReader."""

    database: Database

    async def summary(self) -> Summary:
        """Count everything once, on one state of the file."""
        return await self.database.read(_summary)

    async def stuck(self, model_key: str) -> Sequence[Stuck]:
        """Return a model's rows that do not go on."""
        state, mine = schema.work.c.state, schema.event.c.model_key == model_key
        ended = state.in_(["dead", "dropped", "waiting"])
        tried = and_(state == "ready", schema.work.c.error != "")
        return await self.database.read(
            lambda connection: dead.stuck(connection, and_(mine, or_(ended, tried)))
        )

    async def rows(self, state: WorkState) -> Sequence[Stuck]:
        """Return the rows in a state."""
        return await self.database.read(
            lambda connection: dead.stuck(connection, schema.work.c.state == state)
        )


def _summary(connection: Connection) -> Summary:
    """Count."""
    event, work, effect = schema.event, schema.work, schema.effect
    return Summary(
        events=connection.execute(select(func.count()).select_from(event)).scalar_one(),
        pos=connection.execute(select(func.max(event.c.pos))).scalar() or 0,
        undispatched=connection.execute(
            select(func.count()).select_from(event).where(schema.UNDISPATCHED)
        ).scalar_one(),
        work=_by_state(connection, work),
        effects=_by_state(connection, effect),
        oldest_ready=connection.execute(
            select(func.min(work.c.recorded_at)).where(work.c.state == "ready")
        ).scalar(),
        dead=_named(connection, work.c.state == "dead"),
        waiting=(
            *_named(connection, work.c.state == "waiting"),
            # ready, but tried in vain at least once: it holds its lane
            *_named(connection, and_(work.c.state == "ready", work.c.error != "")),
        ),
    )


def _by_state(connection: Connection, table: Table) -> dict[str, int]:
    """Return how many rows are in each state."""
    counted = connection.execute(select(table.c.state, func.count()).group_by(table.c.state))
    return {row[0]: row[1] for row in counted}


def _named(connection: Connection, those: ColumnElement[bool]) -> tuple[Work, ...]:
    """Return the newest of the rows that are meant."""
    work, event = schema.work, schema.event
    found = connection.execute(
        select(work, event.c.id.label("event_id"))
        .join(event, event.c.seq == work.c.event_seq)
        .where(those)
        .order_by(work.c.id.desc())
        .limit(_SHOWN)
    )
    return tuple(rows.work_of(row, row.event_id) for row in found)
