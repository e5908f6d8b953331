"""Gates that others answer: turn what they said into `gate.finished`.

Place in the flow: foreign events were stored by `web/inbox`; `look_reports` finds those an
evaluation still waits for, woken by what is published and now and then by itself. An event that
came before the evaluation started counts too: pipelines race. The programs that `start_gates`
started are asked for at the runner by `look_programs`, twice a second: nobody tells of their end.
"""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime

from processor.errors import Terminal, Unavailable
from processor.events import EvaluationStarted, Event, ForeignReported, GateFinished
from processor.policy.gates import CommandGate, EventGate, SlowGate
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

_Reports = Mapping[str, tuple[ForeignReported, datetime]]
"""What was reported of a version: by type, and when."""


def may_answer(event: Event) -> bool:
    """Tell whether a report may answer a gate now that could not before."""
    awaits = isinstance(event, EvaluationStarted) and bool(event.pending)
    return awaits or isinstance(event, ForeignReported)


@dataclass(frozen=True, kw_only=True)
class GatesSource:
    """Looks at evaluations whose gates are still out."""

    views: Views
    policies: Ruled
    log: EventLog
    evaluator: Evaluator

    async def look_reports(self) -> Mapping[str, str]:
        """Say which gates other systems have answered; return what the ledger had against it.

        A model with an event that cannot be read hides no other model's answers.
        """
        unreadable = ""
        told: dict[str, Sequence[Recorded]] = {}
        async with aclosing(self._waiting(lambda policy: policy.awaited)) as waiting:
            async for policy, record, judgement in waiting:
                gates = [gate for gate in policy.awaited if gate.event in judgement.pending]
                key = record.version.key
                try:
                    if gates and key not in told:
                        told[key] = await self.log.of_type(ForeignReported, key)
                except Terminal as odd:
                    told[key] = ()
                    unreadable = unreadable or f"{LEDGER}: nobody hears of {record.version}: {odd}"
                if gates:
                    await self._reported(gates, record, judgement, told[key])
        return {LEDGER: unreadable}

    async def look_programs(self) -> Mapping[str, str]:
        """Say which programs have answered; return whether ledger and runner did."""
        found = {LEDGER: ""}
        async with aclosing(self._waiting(lambda policy: policy.commands)) as waiting:
            async for policy, record, judgement in waiting:
                if judgement.running and not found.get(EVALUATOR):
                    found[EVALUATOR] = await self._ended(policy, record, judgement)
        return found

    async def _waiting(
        self, slow: Callable[[Policy], Sequence[SlowGate]]
    ) -> AsyncGenerator[tuple[Policy, VersionRecord, Judgement], None]:
        """Yield the versions whose policy has such gates and whose evaluation is not over."""
        for window in await self.views.find(Deadline, slot="gate window", state="open"):
            if window.version is None:
                continue
            policy = self.policies.by(window.version.workspace, window.version.model)
            if policy is None or not slow(policy):
                continue
            record = await self.views.get(VersionRecord, window.version.path)
            judgement = record.judgement if record else None
            if record is not None and judgement is not None and judgement.verdict is None:
                yield policy, record, judgement

    async def _reported(
        self,
        gates: Sequence[EventGate],
        record: VersionRecord,
        judgement: Judgement,
        told: Sequence[Recorded],
    ) -> None:
        """Say what other systems reported of one version."""
        reports = _reports(record, told)
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


def _reports(record: VersionRecord, told: Sequence[Recorded]) -> _Reports:
    """Return the newest report of each type about one version, and when it was made."""
    return {
        one.event.type: (one.event, one.at)
        for one in told
        if isinstance(one.event, ForeignReported) and one.event.version == record.version.number
    }
