"""Give a dead row of work another life.

Place in the flow: CLI, API and page call it once the cause is mended; the row re-enters at its
lane's tail, so what came after it in the meantime keeps its place.
"""

from dataclasses import dataclass

from processor.commands.granted import Granted, already, check_key
from processor.commands.operators import Operators
from processor.commands.rows import check_dead, row_named
from processor.events import WorkRetried
from processor.ports.dead import DeadRows
from processor.ports.log import EventLog
from processor.values.about import About
from processor.values.principal import Principal


@dataclass(frozen=True, kw_only=True)
class Retry:
    """One person's wish that a row is tried again; `registry` is the registry's id."""

    log: EventLog
    rows: DeadRows
    operators: Operators
    registry: str

    async def __call__(
        self, who: Principal, work_id: int, reason: str, idempotency_key: str
    ) -> Granted:
        """Put the row back.

        Raises Refused: 400 no key, 401 not signed in, 403 nobody we know, 404 no such row, 409 it
        is not dead or cannot be read, 422 the key was used for something else.
        """
        self.operators.check(who)
        check_key(idempotency_key)
        row = await row_named(self.rows, work_id)
        event = WorkRetried(
            head=WorkRetried.heading(
                About(self.registry), idempotency_key, actor=who, cause=row.work.event_id
            ),
            work_id=work_id,
            handler=row.work.handler,
            part=row.work.part,
            event_id=row.work.event_id,
            reason=reason.strip(),
        )
        if not await already(self.log, event):
            check_dead(row)
            await self.rows.retry(work_id, event)
        return Granted("put back", event.head.id)
