"""Make the registry say what it should say now.

Place in the flow: evaluation.passed and .requested, every end of a promotion, serving.changed,
drift.found, mode.changed -> model_version.marked. Whichever event woke it, it writes what
`rules/marks.demand` asks at this moment: the registry has no compare-and-swap, so the newest
demand must win.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from processor.events import (
    DriftFound,
    EvaluationPassed,
    EvaluationRequested,
    Event,
    ModeChanged,
    PromotionApproved,
    PromotionExpired,
    PromotionRejected,
    PromotionSuperseded,
    PromotionWithdrawn,
    ServingChanged,
    VersionMarked,
)
from processor.policy.policy import Policies
from processor.ports.effects import RegistryEffects
from processor.ports.views import Views
from processor.rules.marks import Known, demand, stood
from processor.rules.marks import Mark as Demanded
from processor.values.about import About
from processor.values.promotion import Promotion
from processor.values.record import ModelRecord, VersionRecord
from processor.values.serving import Serving
from processor.values.version import parts_of

Woken = (
    EvaluationPassed
    | EvaluationRequested
    | PromotionApproved
    | PromotionExpired
    | PromotionRejected
    | PromotionSuperseded
    | PromotionWithdrawn
    | ServingChanged
    | DriftFound
    | ModeChanged
)


@dataclass(frozen=True, kw_only=True)
class Mark:
    """Writes nothing when the registry already says it."""

    views: Views
    policies: Policies
    effects: RegistryEffects

    async def __call__(self, event: Woken) -> Sequence[Event]:
        """Return one fact per mark written."""
        if isinstance(event, ModeChanged):
            key = event.head.key
        elif event.version is not None:
            key = event.version.key
        else:
            return []
        _, workspace, model = parts_of(key)
        policy = self.policies.ruling(workspace, model)
        if policy is None:
            return []
        known = Known(
            records=await self.views.find(VersionRecord, model=key),
            promotions=await self.views.find(Promotion, model=key),
            servings=await self.views.find(Serving, model=key),
            model=await self.views.get(ModelRecord, key),
        )
        said: dict[str, Event] = {}
        for effect in await self.effects.marked_before(event.head.id):
            for mark in stood(known, effect):
                if effect.state != "done":
                    await self.effects.landed(effect)
                fact = _fact(event, mark)
                said[fact.head.id] = fact
        for mark in demand(policy, known):
            fact = _fact(event, mark)
            if fact.head.id in said:
                continue  # written for this event; whoever replaced it since is not overruled
            await self.effects.mark(
                mark.version, mark.mark, mark.value, mark.previous, event.head.id
            )
            said[fact.head.id] = fact
        return list(said.values())


def _fact(event: Event, mark: Demanded) -> VersionMarked:
    """Return what is said of one mark; the same for every turn at the same event."""
    return VersionMarked(
        head=event.leads_to(VersionMarked, About.of(mark.version), f"{mark.mark}={mark.value}"),
        version=mark.version,
        mark=mark.mark,
        value=mark.value,
        previous=mark.previous,
    )
