"""Which rows of work were given up, and what were they about?

Place in the flow: `sluice dead list`, `/v1/work`, the board, and `why-not` through `obstacles`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import get_args

from processor.errors import Refused
from processor.values.version import parts_of
from processor.values.work import Stuck, WorkState
from processor.views.knowledge import Knowledge


@dataclass(frozen=True)
class WorkRow:
    """A row of work; `event` is what it is about, `since` when it came into its state.

    `model` is empty where the event is about none; `error` is why it does not go on.
    """

    id: int
    state: str
    handler: str
    part: str
    lane: str
    event: str
    event_id: str
    subject: str
    model: str
    attempts: int
    retried: int
    since: datetime
    error: str


async def work_rows(known: Knowledge, state: str = "dead") -> Sequence[WorkRow]:
    """Return the rows in a state, the newest first, at most 1,000. Raises Refused 400."""
    for one in get_args(WorkState):
        if one == state:
            return [row_of(found) for found in await known.work.rows(one)]
    raise Refused(
        "No such state", f"{state!r} is not one of {', '.join(get_args(WorkState))}", status=400
    )


def row_of(found: Stuck) -> WorkRow:
    """Return a row as people read it."""
    work, parts = found.work, parts_of(found.model_key)
    return WorkRow(
        id=work.id,
        state=work.state,
        handler=work.handler,
        part=work.part,
        lane=work.lane,
        event=found.kind,
        event_id=work.event_id,
        subject=found.subject,
        model=parts[2] if len(parts) > 2 else "",  # noqa: PLR2004 - registry, workspace, model
        attempts=work.attempts,
        retried=work.retried,
        since=work.due_at,
        error=work.error,
    )
