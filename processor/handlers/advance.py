"""Ask for the next target of a version that has served its soak.

Place in the flow: deadline.passed (soak), and evaluation.passed for one that was being judged
when its soak ended -> promotion.requested for the target that comes after. A soak that broke
lifted its deadline; a hold is propose's to meet.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from processor.events import DeadlinePassed, EvaluationPassed, Event, PromotionRequested
from processor.policy.policy import Policies, Policy
from processor.policy.targets import Target
from processor.ports.views import Views
from processor.queries.soaked import soaked_before
from processor.rules.candidates import may_ask, verdict
from processor.rules.slots import slot_of
from processor.values.about import About
from processor.values.promotion import Promotion
from processor.values.record import VersionRecord


@dataclass(frozen=True, kw_only=True)
class Advance:
    """Only the first target is asked for without having served anywhere; see evaluate."""

    views: Views
    policies: Policies

    async def __call__(self, event: DeadlinePassed | EvaluationPassed) -> Sequence[Event]:
        """Return the requests for the targets that come next."""
        version = event.version
        policy = self.policies.ruling(version.workspace, version.model) if version else None
        if version is None or policy is None:
            return []
        record = await self.views.get(VersionRecord, version.path)
        if record is None or record.deleted or verdict(record) != "passed":
            return []
        wanted = event.target if isinstance(event, DeadlinePassed) else None
        return [
            _request(event, target, record)
            for target in policy.targets
            if wanted in {None, target.name} and await self._ready(policy, target, record)
        ]

    async def _ready(self, policy: Policy, target: Target, record: VersionRecord) -> bool:
        """Tell whether the version has soaked at the target before, and may be asked for here."""
        version = record.version
        if await soaked_before(self.views, policy, target, version.key) != version:
            return False
        promotions = await self.views.find(Promotion, model=version.key)
        return may_ask(promotions, version, target.name)


def _request(
    event: DeadlinePassed | EvaluationPassed, target: Target, record: VersionRecord
) -> PromotionRequested:
    """Return the request; the same for every turn at one event."""
    version = record.version
    before = target.after.target if target.after else ""
    return PromotionRequested(
        head=event.leads_to(PromotionRequested, About.of(version, target.name), target.name),
        version=version,
        target=target.name,
        slot=slot_of(target, version.model),
        evaluation_id=record.judgement.event_id if record.judgement else None,
        reason=f"it served at {before} for as long as {target.name} asks",
    )
