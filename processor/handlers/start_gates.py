"""Start the programs that answer slow gates.

Place in the flow: evaluation.started -> gate.started per command gate. Nobody waits for them:
`sources/gates` says `gate.finished` when the runner has an answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from processor.events import EvaluationStarted, Event, GateStarted
from processor.policy.policy import Policies
from processor.ports.evaluator import Evaluator
from processor.ports.reading.registry import RegistryReader
from processor.ports.views import Views
from processor.queries.champion import champion_of
from processor.rules.evidence import shown
from processor.rules.slots import slot_of
from processor.values.about import About
from processor.values.job import Job, job_id
from processor.values.record import VersionRecord


@dataclass(frozen=True, kw_only=True)
class StartGates:
    """Starting twice is starting once: a job's id follows from the evaluation and the gate."""

    registry: RegistryReader
    views: Views
    policies: Policies
    evaluator: Evaluator

    async def __call__(self, event: EvaluationStarted) -> Sequence[Event]:
        """Return one `gate.started` per program; none when a newer evaluation took over."""
        version = event.version
        policy = self.policies.ruling(version.workspace, version.model)
        record = await self.views.get(VersionRecord, version.path)
        if policy is None or record is None or record.deleted or record.judgement is None:
            return []
        asked = [gate for gate in policy.commands if gate.id in event.pending]
        if not asked or record.judgement.event_id != event.head.id:
            return []
        run = await self.registry.run(version.workspace, record.run_id) if record.run_id else None
        slot = slot_of(policy.default_target, version.model)
        champion = await champion_of(self.views, self.registry, slot.key, version)
        said: list[Event] = []
        for gate in asked:
            job = Job(
                id=job_id(event.head.id, gate.id),
                command=gate.command,
                folder=self.policies.folder_of(policy),
                timeout=gate.timeout.total_seconds(),
                evidence=shown(gate.title, record, run, champion.version, champion.metrics),
            )
            await self.evaluator.start(job)
            said.append(
                GateStarted(
                    head=event.leads_to(GateStarted, About.of(version), gate.id),
                    version=version,
                    evaluation_id=event.head.id,
                    gate=gate.id,
                    job=job.id,
                )
            )
        return said
