"""Lay a dead row of work aside for good.

Place in the flow: CLI, API and page call it when what the row should have done is no longer
wanted; the row stays readable, and `why-not` names who dropped it.
"""

from dataclasses import dataclass

from processor.commands.granted import Granted, already, check_key
from processor.commands.operators import Operators, check_reason
from processor.commands.rows import check_dead, row_named
from processor.events import WorkDropped
from processor.ports.dead import DeadRows
from processor.ports.log import EventLog
from processor.values.about import About
from processor.values.principal import Principal


@dataclass(frozen=True, kw_only=True)
class Drop:
    """One person's wish to forget a row; `registry` is the registry's id."""

    log: EventLog
    rows: DeadRows
    operators: Operators
    registry: str

    async def __call__(
        self, who: Principal, work_id: int, reason: str, idempotency_key: str
    ) -> Granted:
        """Lay the row aside.

        Raises Refused: 400 no reason or key, 401 not signed in, 403 nobody we know, 404 no such
        row, 409 it is not dead, 422 the key was used for something else.
        """
        self.operators.check(who)
        check_key(idempotency_key)
        said = check_reason(reason, "whoever asks what became of it")
        row = await row_named(self.rows, work_id)
        event = WorkDropped(
            head=WorkDropped.heading(
                About(self.registry), idempotency_key, actor=who, cause=row.work.event_id
            ),
            work_id=work_id,
            handler=row.work.handler,
            part=row.work.part,
            event_id=row.work.event_id,
            reason=said,
        )
        if not await already(self.log, event):
            check_dead(row)
            await self.rows.drop(work_id, event)
        return Granted("dropped", event.head.id)
