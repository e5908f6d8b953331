"""Judge a version by its policy's gates.

Place in the flow: model_version.registered, evaluation.requested, gate.finished, deadline.passed
-> evaluation.started | .passed | .failed | .inconclusive, and promotion.requested for the first
target of a version that passed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

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
)
from processor.policy.policy import Policies, Policy
from processor.ports.clock import Clock
from processor.ports.reading.registry import RegistryReader
from processor.ports.views import Views
from processor.rules.evidence import broken_run, training_of
from processor.rules.gates.awaited import silent
from processor.rules.gates.metric import judge
from processor.rules.gates.verdict import verdict_of
from processor.rules.promotion import MERGED, OPEN
from processor.rules.slot_conflicts import conflict_of
from processor.rules.slots import slot_of
from processor.values.about import About
from processor.values.evaluation import Comparison, GateResult
from processor.values.promotion import Promotion
from processor.values.record import VersionRecord
from processor.values.registry import Run
from processor.values.serving import Serving
from processor.values.version import Version

_RUNNING = {"RUNNING", "SCHEDULED"}
_SLOT = "one model per slot"
_PATIENCE = 24 * 3600.0  # seconds a run may go on after its version appeared
_VERDICTS: dict[str, type[Judged]] = {
    "passed": EvaluationPassed,
    "failed": EvaluationFailed,
    "inconclusive": EvaluationInconclusive,
}

Asked = VersionRegistered | EvaluationRequested | GateFinished | DeadlinePassed


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Waits for the run to be FINISHED; judging twice for one cause says the same."""

    registry: RegistryReader
    views: Views
    policies: Policies
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
        results, comparison = await self._measured(policy, version, run)
        if isinstance(event, VersionRegistered | EvaluationRequested):
            if policy.awaited and verdict_of(results) != "failed":
                return [self._started(event, policy, results)]
            answered: tuple[GateResult, ...] = ()
        else:
            heard = _heard(event, policy, record)
            if heard is None:
                return []
            answered = heard
        results = await self._placed(version, (*results, *answered))
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
        champion, base = await self._champion(policy, version)
        metrics = run.metrics if run is not None else {}
        judged = [judge(gate, metrics, base, policy.first) for gate in policy.metrics]
        broken = broken_run(run)
        results = tuple(result for result, _ in judged)
        return (
            (broken, *results) if broken else results,
            Comparison(champion, tuple(row for _, row in judged)),
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

    async def _champion(
        self, policy: Policy, version: Version
    ) -> tuple[Version | None, dict[str, str] | None]:
        """Return the version observed serving at the default target, and its metrics.

        While nothing answers there it is the one that served last: an outage lowers no bar.
        """
        slot = slot_of(policy.default_target, version.model)
        serving = await self.views.get(Serving, slot.key)
        champion = serving.version if serving else None
        if serving is not None and serving.uri is None:
            champion = serving.previous
        if champion is None or champion == version:
            return None, None
        record = await self.views.get(VersionRecord, champion.path)
        run = None
        if record is not None and record.run_id:
            run = await self.registry.run(version.workspace, record.run_id)
        return champion, dict(run.metrics) if run is not None else {}

    def _started(
        self,
        event: VersionRegistered | EvaluationRequested,
        policy: Policy,
        results: tuple[GateResult, ...],
    ) -> Event:
        """Return that other systems are asked, and until when they may answer."""
        longest = max((gate.within for gate in policy.awaited), default=timedelta())
        return EvaluationStarted(
            head=event.leads_to(EvaluationStarted, About.of(event.version)),
            version=event.version,
            policy_digest=policy.digest,
            results=results,
            pending=tuple(gate.event for gate in policy.awaited),
            due=self.clock.now() + longest,
        )

    async def _asked_for(self, policy: Policy, verdict: Judged) -> Sequence[Event]:
        """Return the request for the first target, unless it passed before or was refused.

        One that a newer took over from does not come back by itself.
        """
        if not isinstance(verdict, EvaluationPassed):
            return []
        target = policy.first_target
        for promotion in await self.views.find(Promotion, model=verdict.version.key):
            if (promotion.version, promotion.target) != (verdict.version, target.name):
                continue
            if promotion.state in OPEN | MERGED | {"rejected", "superseded"}:
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


def _heard(
    event: GateFinished | DeadlinePassed, policy: Policy, record: VersionRecord
) -> tuple[GateResult, ...] | None:
    """Return every awaited answer once all are in (or time is up); None: stale, or still out.

    The gates are those of the policy in force now: one that nobody was asked for has no answer.
    """
    judgement = record.judgement
    if judgement is None or judgement.verdict is not None:
        return None
    started = event.evaluation_id if isinstance(event, GateFinished) else event.event_id
    if judgement.event_id != started:
        return None
    if judgement.pending and isinstance(event, GateFinished):
        return None
    said = {result.gate: result for result in judgement.results if result.kind == "event"}
    return tuple(said.get(gate.title, silent(gate)) for gate in policy.awaited)
