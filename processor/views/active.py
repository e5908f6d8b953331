"""What serves right now?

Place in the flow: `/v1/models/{model}/active`, asked by clients on their hot path: one view row.
"""

from dataclasses import dataclass
from datetime import datetime

from processor.rules.slots import slot_of
from processor.values.record import VersionRecord
from processor.values.serving import Serving
from processor.views.knowledge import Knowledge
from processor.views.subject import subject_of


@dataclass(frozen=True)
class Share:
    """A version and its share of the traffic in percent; `version` None: not one of ours."""

    version: str | None
    run_id: str | None
    share: int


@dataclass(frozen=True)
class Active:
    """What answers at a target. `approved` and serving are two facts; both are shown.

    `stale_seconds` counts from the last observation that said something new.
    """

    model: str
    workspace: str
    target: str
    serving: tuple[Share, ...]
    approved: bool
    promotion: str | None
    since: datetime | None
    observed_at: datetime | None
    stale_seconds: float | None
    uri: str | None
    endpoint: str | None
    prediction: str | None


async def active(
    known: Knowledge, model: str, target: str | None = None, workspace: str | None = None
) -> Active:
    """Return what serves a model at a target (none named: the default one).

    Raises Refused 404, 409.
    """
    subject = await subject_of(known, model, workspace)
    where = subject.target(target)
    row = await known.views.get(Serving, slot_of(where, model).key)
    shares: tuple[Share, ...] = ()
    if row is not None and row.uri is not None:
        record = await known.views.get(VersionRecord, row.version.path) if row.version else None
        number = row.version.number if row.version else None
        shares = (Share(number, record.run_id if record else None, 100),)
    stale = (known.clock.now() - row.observed_at).total_seconds() if row else None
    return Active(
        model=model,
        workspace=subject.workspace,
        target=where.name,
        serving=shares,
        approved=row.approved if row else False,
        promotion=row.promotion_id if row else None,
        since=row.since if row else None,
        observed_at=row.observed_at if row else None,
        stale_seconds=round(stale, 1) if stale is not None else None,
        uri=row.uri if row else None,
        endpoint=row.endpoint if row else None,
        prediction=row.prediction if row else None,
    )
