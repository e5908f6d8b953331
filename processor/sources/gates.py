"""Gates that others answer: turn what they said into `gate.finished`.

Place in the flow: foreign events were stored by `web/inbox`; this finds those an evaluation still
waits for. An event that came before the evaluation started counts too: pipelines race.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from processor.events import ForeignReported, GateFinished
from processor.ports.log import EventLog, Recorded
from processor.ports.views import Views
from processor.rules.gates.awaited import heard
from processor.sources.findings import LEDGER
from processor.sources.ruled import Ruled
from processor.values.about import About
from processor.values.deadline import Deadline
from processor.values.principal import SLUICE
from processor.values.record import Judgement, VersionRecord


@dataclass(frozen=True, kw_only=True)
class GatesSource:
    """Looks at evaluations whose gates are still out."""

    views: Views
    policies: Ruled
    log: EventLog

    async def look(self) -> Mapping[str, str]:
        """Say which awaited gates have an answer; return that the ledger answered."""
        for window in await self.views.find(Deadline, state="open"):
            if window.kind != "gate window" or window.version is None:
                continue
            record = await self.views.get(VersionRecord, window.version.path)
            judgement = record.judgement if record else None
            if record and judgement and judgement.verdict is None and judgement.pending:
                await self._answer(record, judgement)
        return {LEDGER: ""}

    async def _answer(self, record: VersionRecord, judgement: Judgement) -> None:
        """Say it for one version."""
        policy = self.policies.by(record.version.workspace, record.version.model)
        if policy is None:
            return
        told = await self.log.of_type(ForeignReported, record.version.key)
        reports = _reports(record, told)
        for gate in policy.awaited:
            report = reports.get(gate.event)
            if gate.event not in judgement.pending or report is None:
                continue
            head = GateFinished.heading(
                About.of(record.version),
                f"{judgement.event_id}:{gate.event}",
                actor=SLUICE,
                cause=report.head.id,
            )
            finished = GateFinished(
                head=head,
                version=record.version,
                evaluation_id=judgement.event_id,
                event=gate.event,
                result=heard(gate, report.head.source, report.verdict, report.reason),
            )
            await self.log.append([finished])


def _reports(record: VersionRecord, told: Sequence[Recorded]) -> dict[str, ForeignReported]:
    """Return the newest report of each type about one version."""
    return {
        one.event.type: one.event
        for one in told
        if isinstance(one.event, ForeignReported) and one.event.version == record.version.number
    }
