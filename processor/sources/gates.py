"""Gates that others answer: turn what they said into `gate.finished`.

Place in the flow: foreign events were stored by `web/inbox`; this finds those an evaluation still
waits for. An event that came before the evaluation started counts too: pipelines race.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from processor.events import ForeignReported, GateFinished
from processor.policy.policy import Policies
from processor.ports.log import EventLog, Recorded
from processor.ports.views import Views
from processor.rules.gates.awaited import heard
from processor.values.about import About
from processor.values.deadline import Deadline
from processor.values.principal import SLUICE
from processor.values.record import Judgement, VersionRecord


@dataclass(frozen=True, kw_only=True)
class GatesSource:
    """Looks at evaluations whose gates are still out."""

    views: Views
    policies: Policies
    log: EventLog

    async def look(self) -> None:
        """Say which awaited gates have an answer."""
        for window in await self.views.find(Deadline, state="open"):
            record = await self.views.get(VersionRecord, window.version.path)
            judgement = record.judgement if record else None
            if record and judgement and judgement.verdict is None and judgement.pending:
                await self._answer(record, judgement)

    async def _answer(self, record: VersionRecord, judgement: Judgement) -> None:
        """Say it for one version."""
        policy = self.policies.ruling(record.version.workspace, record.version.model)
        reports = _reports(record, await self.log.of_key(record.version.key))
        for gate in policy.awaited if policy else ():
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


def _reports(record: VersionRecord, history: Sequence[Recorded]) -> dict[str, ForeignReported]:
    """Return the newest report of each type about one version."""
    return {
        one.event.type: one.event
        for one in history
        if isinstance(one.event, ForeignReported) and one.event.version == record.version.number
    }
