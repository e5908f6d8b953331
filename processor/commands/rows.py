"""The row of work a wish is about.

Place in the flow: `retry` and `drop` ask here, so that both refuse in the same words; the ledger
asks again inside its transaction, in case somebody was quicker.
"""

from processor.errors import Refused
from processor.ports.dead import DeadRows
from processor.values.work import Stuck


async def row_named(rows: DeadRows, work_id: int) -> Stuck:
    """Return a row by its number. Raises Refused 404."""
    row = await rows.get(work_id)
    if row is None:
        raise Refused(
            "No such row", f"there is no row {work_id}; `sluice dead list` names them", status=404
        )
    return row


def check_dead(row: Stuck) -> None:
    """Raise Refused 409 for a row that is not dead (any more)."""
    if row.work.state != "dead":
        raise Refused(
            "Not dead", f"row {row.work.id} of {row.work.handler} is {row.work.state}, not dead"
        )
