"""Make the registry say what it should say now.

Place in the flow: evaluation.*, promotion.approved, rollout.*, serving.changed, drift.found
-> model_version.marked. Whichever event woke it, it writes what `rules/marks.demand` asks at
this moment: the registry has no compare-and-swap, so the newest demand must win.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from processor.events import (
    DriftFound,
    EvaluationPassed,
    Event,
    PromotionApproved,
    PromotionRejected,
    PromotionSuperseded,
    PromotionWithdrawn,
    ServingChanged,
    VersionMarked,
)
from processor.policy.policy import Policies
from processor.ports.effects import RegistryEffects
from processor.ports.views import Views
from processor.rules.marks import Known, demand
from processor.values.about import About
from processor.values.promotion import Promotion
from processor.values.record import ModelRecord, VersionRecord
from processor.values.serving import Serving

Woken = (
    EvaluationPassed
    | PromotionApproved
    | PromotionRejected
    | PromotionSuperseded
    | PromotionWithdrawn
    | ServingChanged
    | DriftFound
)


@dataclass(frozen=True, kw_only=True)
class Mark:
    """Writes nothing when the registry already says it."""

    views: Views
    policies: Policies
    effects: RegistryEffects

    async def __call__(self, event: Woken) -> Sequence[Event]:
        """Return one fact per mark written."""
        if event.version is None:
            return []
        key = event.version.key
        policy = self.policies.ruling(event.version.workspace, event.version.model)
        if policy is None:
            return []
        known = Known(
            records=await self.views.find(VersionRecord, model=key),
            promotions=await self.views.find(Promotion, model=key),
            servings=await self.views.find(Serving, model=key),
            model=await self.views.get(ModelRecord, key),
        )
        said: list[Event] = []
        for mark in demand(policy, known):
            await self.effects.mark(mark.version, mark.mark, mark.value, event.head.id)
            head = event.leads_to(
                VersionMarked, About.of(mark.version), f"{mark.mark}={mark.value}"
            )
            said.append(
                VersionMarked(
                    head=head,
                    version=mark.version,
                    mark=mark.mark,
                    value=mark.value,
                    previous=mark.previous,
                )
            )
        return said
