"""Gates that others answer: turn what they said into `gate.finished`.

Place in the flow: foreign events were stored by `web/inbox`; this finds those an evaluation still
waits for. An event that came before the evaluation started counts too: pipelines race. The
programs that `start_gates` started are asked for at the runner.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from processor.errors import Unavailable
from processor.events import ForeignReported, GateFinished
from processor.policy.gates import CommandGate, SlowGate
from processor.policy.policy import Policy
from processor.ports.evaluator import Evaluator
from processor.ports.log import EventLog, Recorded
from processor.ports.views import Views
from processor.rules.gates.awaited import heard
from processor.rules.gates.command import answered, lost
from processor.sources.findings import LEDGER
from processor.sources.ruled import Ruled
from processor.values.about import About
from processor.values.deadline import Deadline
from processor.values.evaluation import GateResult
from processor.values.job import Ending, Progress, job_id
from processor.values.principal import SLUICE
from processor.values.record import Judgement, VersionRecord

EVALUATOR = "evaluator"
"""What `status` and `readyz` call the runner."""


@dataclass(frozen=True, kw_only=True)
class GatesSource:
    """Looks at evaluations whose gates are still out."""

    views: Views
    policies: Ruled
    log: EventLog
    evaluator: Evaluator

    async def look(self) -> Mapping[str, str]:
        """Say which awaited gates have an answer; return whether ledger and runner answered."""
        found = {LEDGER: ""}
        for window in await self.views.find(Deadline, state="open"):
            if window.kind != "gate window" or window.version is None:
                continue
            record = await self.views.get(VersionRecord, window.version.path)
            judgement = record.judgement if record else None
            if record is None or judgement is None or judgement.verdict is not None:
                continue
            policy = self.policies.by(record.version.workspace, record.version.model)
            if policy is not None and judgement.pending:
                await self._reported(policy, record, judgement)
            if policy is not None and judgement.running and not found.get(EVALUATOR):
                found[EVALUATOR] = await self._ended(policy, record, judgement)
        return found

    async def _reported(self, policy: Policy, record: VersionRecord, judgement: Judgement) -> None:
        """Say what other systems reported of one version."""
        gates = [gate for gate in policy.awaited if gate.event in judgement.pending]
        if not gates:
            return
        reports = _reports(record, await self.log.of_type(ForeignReported, record.version.key))
        for gate in gates:
            if gate.event in reports:
                said, at = reports[gate.event]
                result = heard(gate, said.head.source, said.verdict, said.reason, at)
                await self._say(record, judgement, gate, result, said.head.id)

    async def _ended(self, policy: Policy, record: VersionRecord, judgement: Judgement) -> str:
        """Say which programs have answered; return what keeps the runner from telling."""
        for gate in policy.commands:
            if gate.id not in judgement.running:
                continue
            try:
                found = await self.evaluator.result(job_id(judgement.event_id, gate.id))
            except Unavailable as problem:
                return str(problem)
            if (result := _result(gate, found, record)) is not None:
                await self._say(record, judgement, gate, result, judgement.event_id)
        return ""

    async def _say(
        self,
        record: VersionRecord,
        judgement: Judgement,
        gate: SlowGate,
        result: GateResult,
        cause: str,
    ) -> None:
        """Say one gate's answer; a second look makes the same event."""
        head = GateFinished.heading(
            About.of(record.version),
            f"{judgement.event_id}:{gate.id}",
            actor=SLUICE,
            cause=cause,
        )
        finished = GateFinished(
            head=head,
            version=record.version,
            evaluation_id=judgement.event_id,
            event=gate.id,
            result=result,
        )
        await self.log.append([finished])


def _result(
    gate: CommandGate, found: Ending | Progress, record: VersionRecord
) -> GateResult | None:
    """Return a program's answer, None while it runs."""
    if isinstance(found, Ending):
        return answered(gate, found)
    return lost(gate, record.version) if found == "unknown" else None


def _reports(
    record: VersionRecord, told: Sequence[Recorded]
) -> dict[str, tuple[ForeignReported, datetime]]:
    """Return the newest report of each type about one version, and when it was made."""
    return {
        one.event.type: (one.event, one.at)
        for one in told
        if isinstance(one.event, ForeignReported) and one.event.version == record.version.number
    }
