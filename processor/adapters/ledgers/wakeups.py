"""What waits to be read because somebody said that it changed.

Place in the flow: `ports/wakeups` on a table. One row per delivery, so that a repeated one is
known; rows that are done stay as long as the sender's signature lets them be sent again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert

from processor.adapters.ledgers import schema
from processor.adapters.ledgers.database import Database
from processor.values.wakeup import Hinted, Wakeup

_wakeup = schema.wakeup
_KEPT = timedelta(hours=1)  # longer than any hook may be late: a repeat is still known
_AT_ONCE = 200  # subjects handed out together: what a source reads in one look


@dataclass(frozen=True, kw_only=True)
class TableWakeups:
    """Wakeups."""

    database: Database

    async def put(self, source: str, subject: Hinted, delivery: str, at: datetime) -> bool:
        """Store a wake-up; False when that delivery was stored before."""

        def job(connection: Connection) -> bool:
            connection.execute(
                delete(_wakeup).where(_wakeup.c.done.is_(True), _wakeup.c.at < at - _KEPT)
            )
            stored = connection.execute(
                insert(_wakeup)
                .values(
                    source=source,
                    delivery=delivery,
                    model=subject.model,
                    number=subject.number,
                    at=at,
                    done=False,
                )
                .on_conflict_do_nothing()
            )
            return stored.rowcount == 1

        return await self.database.write(job)

    async def waiting(self, source: str) -> Sequence[Wakeup]:
        """Return the subjects that wait, the one that waits longest first."""
        columns = (_wakeup.c.model, _wakeup.c.number)

        def job(connection: Connection) -> list[Wakeup]:
            found = connection.execute(
                select(*columns, func.max(_wakeup.c.n).label("upto"))
                .where(_wakeup.c.source == source, _wakeup.c.done.is_(False))
                .group_by(*columns)
                .order_by(func.min(_wakeup.c.n))
                .limit(_AT_ONCE)
            )
            return [Wakeup(source, Hinted(row.model, row.number), row.upto) for row in found]

        return await self.database.read(job)

    async def done(self, wakeups: Sequence[Wakeup]) -> None:
        """Lay subjects aside, as far as they were said when they were returned."""

        def job(connection: Connection) -> None:
            for one in wakeups:
                connection.execute(
                    update(_wakeup)
                    .where(
                        _wakeup.c.source == one.source,
                        _wakeup.c.model == one.subject.model,
                        _wakeup.c.number == one.subject.number,
                        _wakeup.c.done.is_(False),
                        _wakeup.c.n <= one.upto,
                    )
                    .values(done=True)
                )

        if wakeups:
            await self.database.write(job)
