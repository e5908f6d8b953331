"""Work rows, lane by lane.

Place in the flow: `ports/work` on tables. Whatever becomes of a row is entered with the events
that tell of it, in one transaction and in the same statements as rows of other lanes.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, select, update

from processor.adapters.ledgers import appending, claiming, dispatching, lanes, schema
from processor.adapters.ledgers.database import Database
from processor.events import Event
from processor.ports.clock import Clock
from processor.ports.work import Claim, Plan, Room
from processor.values.work import SUSPECT, Work

_LONGEST = 30.0  # seconds a suspect waits at most

_work = schema.work


@dataclass(frozen=True, kw_only=True)
class TableWork:
    """WorkQueue."""

    database: Database
    clock: Clock
    appended: asyncio.Event

    async def dispatch(self, plan: Plan, limit: int = 200) -> int:
        """Make rows for placed events that have none, in order of place."""
        now = self.clock.now()
        return await self.database.write(
            lambda connection: dispatching.dispatch(connection, plan, now, limit), late=2
        )

    async def claim(self, room: Room) -> Claim:
        """Take due heads as far as there is room."""
        now = self.clock.now()
        return await self.database.write(
            lambda connection: claiming.claim(connection, room, now), late=3
        )

    async def recover(self) -> int:
        """Make rows ready again that ran when the last process ended; return how many.

        Each has one more crash to its name: one of them may have caused it. A suspect waits a
        while, longer each time, so that the others go on even if it ends this process too.
        """
        now = self.clock.now()

        def job(connection: Connection) -> int:
            ran = connection.execute(select(_work).where(_work.c.state == "running")).all()
            for row in ran:
                crashes = row.crashes + 1
                due = row.due_at if crashes < SUSPECT else now + _pause(crashes)
                connection.execute(
                    update(_work)
                    .where(_work.c.id == row.id)
                    .values(state="ready", crashes=crashes, due_at=due)
                )
            # The clock may have been set back meanwhile: a look too early harms nobody.
            connection.execute(
                update(_work)
                .where(
                    _work.c.state.in_(["ready", "waiting"]),
                    _work.c.due_at > now + timedelta(seconds=_LONGEST),
                )
                .values(due_at=now)
            )
            lanes.mend(connection)
            return len(ran)

        return await self.database.write(job)

    async def settle(self, work: Work, events: Sequence[Event]) -> None:
        """Append what the handler said, and the row is done."""
        now = self.clock.now()
        await self._end(
            now, events, lanes.End(work=work, state="done", due_at=now, blamed=work.blamed)
        )

    async def bury(self, work: Work, reason: str, told: Event | None) -> None:
        """Give the row up and tell it."""
        now = self.clock.now()
        dead = lanes.End(work=work, state="dead", due_at=now, error=reason, blamed=work.blamed)
        await self._end(now, () if told is None else (told,), dead)

    async def postpone(
        self, work: Work, *, until: datetime, error: str, tail: bool, blamed: bool
    ) -> None:
        """Put the row off, holding its lane or leaving it."""
        later = lanes.End(
            work=work,
            state="waiting" if tail else "ready",
            due_at=until,
            error=error,
            blamed=work.blamed + blamed,
        )
        await self._end(self.clock.now(), (), later)

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

    async def _end(self, now: datetime, events: Sequence[Event], end: lanes.End) -> None:
        """Enter what becomes of a row, and what is said with it."""
        entry = appending.Entry(now=now, events=events, end=end)
        if events:
            self.appended.set()
        await self.database.join(appending.enter, entry)


def _pause(crashes: int) -> timedelta:
    """Return how long a suspect waits: a second, then twice as long each time."""
    return timedelta(seconds=min(2.0 ** (crashes - SUSPECT), _LONGEST))
