"""The folded views, to read.

Place in the flow: `ports/views` on tables; rows were written by `folding`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Connection, func, select

from processor.adapters.ledgers import rows, schema
from processor.adapters.ledgers.database import Database
from processor.values.record import VersionRecord

R = TypeVar("R")


@dataclass(frozen=True, kw_only=True)
class TableViews:
    """Views."""

    database: Database

    async def get(self, kind: type[R], key: str) -> R | None:
        """Return one row."""
        table = schema.views[kind]

        def job(connection: Connection) -> R | None:
            stored = connection.execute(select(table.c.data).where(table.c.key == key)).scalar()
            row: R | None = None if stored is None else rows.adapter(kind).validate_json(stored)
            return row

        return await self.database.read(job)

    async def find(
        self,
        kind: type[R],
        *,
        model: str | None = None,
        slot: str | None = None,
        state: str | None = None,
    ) -> Sequence[R]:
        """Return matching rows, oldest first."""
        table = schema.views[kind]
        query = select(table.c.data).order_by(table.c.n)
        for column, wanted in (
            (table.c.model, model),
            (table.c.slot, slot),
            (table.c.state, state),
        ):
            if wanted is not None:
                query = query.where(column == wanted)

        def job(connection: Connection) -> list[R]:
            adapter = rows.adapter(kind)
            return [adapter.validate_json(stored) for stored in connection.execute(query).scalars()]

        return await self.database.read(job)

    async def models(self, state: str | None = None) -> Sequence[str]:
        """Return model keys, the first met first; no row is parsed for it."""
        table = schema.views[VersionRecord]
        query = select(table.c.model).group_by(table.c.model).order_by(func.min(table.c.n))
        if state is not None:
            query = query.where(table.c.state == state)

        def job(connection: Connection) -> Sequence[str]:
            return connection.execute(query).scalars().all()

        return await self.database.read(job)
