"""Judge a version by its policy's gates.

Place in the flow: model_version.registered, evaluation.requested, gate.finished, waiver.given,
deadline.passed (gate window, waiver) -> evaluation.started | .passed | .failed | .inconclusive,
and promotion.requested for the first target of a version that passed. What slow gates have said,
and which of them are still to be asked, is `rules/gates/asking`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from processor.errors import NotYet
from processor.events import (
    DeadlinePassed,
    EvaluationFailed,
    EvaluationInconclusive,
    EvaluationPassed,
    EvaluationRequested,
    EvaluationStarted,
    Event,
    GateFinished,
    Judged,
    PromotionRequested,
    VersionRegistered,
    WaiverGiven,
)
from processor.policy.policy import Policies, Policy
from processor.ports.clock import Clock
from processor.ports.reading.registry import RegistryReader
from processor.ports.views import Views
from processor.queries.champion import champion_of
from processor.rules.candidates import may_ask
from processor.rules.evidence import broken_run, training_of
from processor.rules.gates.asking import Asking, again, first, heard
from processor.rules.gates.metric import judge
from processor.rules.gates.verdict import verdict_of
from processor.rules.gates.waiver import waived
from processor.rules.slot_conflicts import conflict_of
from processor.rules.slots import slot_of
from processor.values.about import About
from processor.values.evaluation import Comparison, GateResult
from processor.values.people import People
from processor.values.principal import claimed
from processor.values.promotion import Promotion
from processor.values.record import VersionRecord
from processor.values.registry import Run
from processor.values.version import Version

_RUNNING = {"RUNNING", "SCHEDULED"}
_SLOT = "one model per slot"
_PATIENCE = 24 * 3600.0  # seconds a run may go on after its version appeared
_VERDICTS: dict[str, type[Judged]] = {
    "passed": EvaluationPassed,
    "failed": EvaluationFailed,
    "inconclusive": EvaluationInconclusive,
}

Asked = VersionRegistered | EvaluationRequested | GateFinished | WaiverGiven | DeadlinePassed


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Waits for the run to be FINISHED; judging twice for one cause says the same."""

    registry: RegistryReader
    views: Views
    policies: Policies
    people: People
    clock: Clock

    async def __call__(self, event: Asked) -> Sequence[Event]:
        """Return the verdict, or that we wait for others, or nothing when it is stale."""
        version = event.version
        if version is None:
            return []
        policy = self.policies.ruling(version.workspace, version.model)
        record = await self.views.get(VersionRecord, version.path)
        if policy is None or record is None or record.deleted:
            return []
        run = await self._finished(record)
        record = _fair(record, run, self.people)
        asking = _asking(event, policy, record)
        if asking is None:
            return []
        results, comparison = await self._measured(policy, version, run)
        results = waived((*results, *asking.answers), record.waivers)
        if asking.waiting and verdict_of(results) != "failed":
            return [self._started(event, version, policy, results, asking)]
        results = await self._placed(version, results)
        kind = _VERDICTS[verdict_of(results)]
        verdict = kind(
            head=event.leads_to(kind, About.of(version)),
            version=version,
            policy_digest=policy.digest,
            results=results,
            comparison=comparison,
            training=training_of(record.run_id, run, policy),
        )
        return [verdict, *await self._asked_for(policy, verdict)]

    async def _finished(self, record: VersionRecord) -> Run | None:
        """Return the training run once it has ended; None when there is none."""
        if not record.run_id:
            return None
        run = await self.registry.run(record.version.workspace, record.run_id)
        if run is not None and run.status in _RUNNING:
            age = (self.clock.now() - record.seen_at).total_seconds()
            raise NotYet(
                f"run {record.run_id} is still {run.status}",
                after=min(max(age / 10, 0.5), 30.0),
                until=_PATIENCE,
            )
        return run

    async def _measured(
        self, policy: Policy, version: Version, run: Run | None
    ) -> tuple[tuple[GateResult, ...], Comparison]:
        """Return the answers of the metric gates, beside the version that serves."""
        slot = slot_of(policy.default_target, version.model)
        champion = await champion_of(self.views, self.registry, slot.key, version)
        metrics = run.metrics if run is not None else {}
        judged = [judge(gate, metrics, champion.metrics, policy.first) for gate in policy.metrics]
        broken = broken_run(run)
        results = tuple(result for result, _ in judged)
        return (
            (broken, *results) if broken else results,
            Comparison(champion.version, tuple(row for _, row in judged)),
        )

    async def _placed(
        self, version: Version, results: tuple[GateResult, ...]
    ) -> tuple[GateResult, ...]:
        """Return the answers, and for one that would pass that another model has its slot.

        So a second model is refused by name before it is proposed, and a person decides.
        """
        if verdict_of(results) != "passed":
            return results
        live = frozenset(await self.views.models("live"))
        met = [key for key in await self.views.models() if key in live]
        conflict = conflict_of(self.policies, met, version.key)
        if conflict is None:
            return results
        return (*results, GateResult(_SLOT, "slot", "inconclusive", conflict))

    def _started(
        self,
        event: Asked,
        version: Version,
        policy: Policy,
        results: tuple[GateResult, ...],
        asking: Asking,
    ) -> Event:
        """Return that others are asked, and until when they may answer."""
        return EvaluationStarted(
            head=event.leads_to(EvaluationStarted, About.of(version)),
            version=version,
            policy_digest=policy.digest,
            results=results,
            pending=tuple(gate.id for gate in asking.waiting),
            due=self.clock.now() + max(gate.wait for gate in asking.waiting),
        )

    async def _asked_for(self, policy: Policy, verdict: Judged) -> Sequence[Event]:
        """Return the request for the first target, unless it passed before or was refused.

        One that a newer took over from, or was judged after it, does not come by itself.
        """
        if not isinstance(verdict, EvaluationPassed):
            return []
        target = policy.first_target
        promotions = await self.views.find(Promotion, model=verdict.version.key)
        if not may_ask(promotions, verdict.version, target.name):
            return []
        head = verdict.leads_to(
            PromotionRequested, About.of(verdict.version, target.name), target.name
        )
        return [
            PromotionRequested(
                head=head,
                version=verdict.version,
                target=target.name,
                slot=slot_of(target, verdict.version.model),
                evaluation_id=verdict.head.id,
                reason="its gates passed",
            )
        ]


def _fair(record: VersionRecord, run: Run | None, people: People) -> VersionRecord:
    """Return the record without waivers of whoever trained the version: they may be claimed."""
    trainer = people.trainer(claimed(run.user)).name if run is not None else None
    return replace(record, waivers=tuple(one for one in record.waivers if one.by.name != trainer))


def _asking(event: Asked, policy: Policy, record: VersionRecord) -> Asking | None:
    """Return how the slow gates stand; None: the event is stale, or some are still out."""
    match event:
        case VersionRegistered() | EvaluationRequested():
            return first(policy, record)
        case GateFinished():
            return heard(policy, record, event.evaluation_id, over=False)
        case DeadlinePassed() if event.what == "gate window":
            return heard(policy, record, event.event_id, over=True)
        case _:
            return again(policy, record)
