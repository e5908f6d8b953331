"""What people do by hand in the registry, and what follows from it.

Place in the flow: model_version.stage_changed, .tag_set, .deleted that are not ours
-> promotion.requested, evaluation.requested, drift.found or target.held. Git is left alone: a
stage in MLflow serves nothing; what somebody archived or deleted while it serves holds its target,
and the hold names the owner.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from processor.events import (
    DriftFound,
    EvaluationRequested,
    Event,
    PromotionRequested,
    TargetHeld,
    VersionDeleted,
    VersionStageChanged,
    VersionTagSet,
)
from processor.policy.policy import Policies, Policy
from processor.policy.targets import Target
from processor.ports.views import Views
from processor.queries.soaked import soaked_before
from processor.rules.by_hand import on_its_way, passed_today, stages_of
from processor.rules.candidates import may_ask
from processor.rules.slots import slot_of
from processor.values.about import About
from processor.values.hold import Hold, hold_key
from processor.values.principal import SLUICE
from processor.values.promotion import Promotion
from processor.values.record import ASKING_TAG, VersionRecord
from processor.values.serving import Serving
from processor.values.version import Version

ByHand = VersionStageChanged | VersionTagSet | VersionDeleted


@dataclass(frozen=True, kw_only=True)
class Heed:
    """Reacts to strangers alone: what we wrote ourselves starts nothing.

    What was written before `doubtful_until` may be our own from a life that a restored ledger
    has lost: that is nobody's wish either.
    """

    views: Views
    policies: Policies
    doubtful_until: datetime | None = None

    async def __call__(self, event: ByHand) -> Sequence[Event]:
        """Return what follows from it, nothing for most of it."""
        version = event.version
        policy = self.policies.ruling(version.workspace, version.model)
        if event.head.actor == SLUICE or policy is None or self._doubtful(event):
            return []
        match event:
            case VersionTagSet():
                return list(_asked(event))
            case VersionDeleted():
                return await self._taken_away(event, policy, "deleted")
            case VersionStageChanged():
                if event.new == "Archived":
                    return await self._taken_away(event, policy, "archived")
                wanted = [target for target in policy.targets if event.new in stages_of(target)]
                return await self._moved(event, policy, wanted)

    def _doubtful(self, event: ByHand) -> bool:
        """Tell whether the registry says that it was written before the ledger was restored."""
        at, until = event.head.time, self.doubtful_until
        return at is not None and until is not None and at <= until

    async def _moved(
        self, event: VersionStageChanged, policy: Policy, wanted: Sequence[Target]
    ) -> Sequence[Event]:
        """Return a request for each target the stage stands for, or the drift it is without one.

        A stage that somebody set by hand is a wish, no more: what Sluice may not ask for by
        itself, it does not ask for because of it.
        """
        version = event.version
        record = await self.views.get(VersionRecord, version.path)
        promotions = await self.views.find(Promotion, model=version.key)
        waited_for = [one for one in wanted if not on_its_way(promotions, version, one.name)]
        if record is None or record.deleted or not waited_for:
            return []
        asked = [
            _request(event, target, record)
            for target in waited_for
            if passed_today(record, policy)
            and may_ask(promotions, version, target.name)
            and await self._soaked(policy, target, version)
        ]
        return asked or [_drift(event, event.old, event.new)]

    async def _soaked(self, policy: Policy, target: Target, version: Version) -> bool:
        """Tell whether a version has served where the target asks it to serve before."""
        if target.after is None:
            return True
        return await soaked_before(self.views, policy, target, version.key) == version

    async def _taken_away(
        self, event: VersionStageChanged | VersionDeleted, policy: Policy, how: str
    ) -> Sequence[Event]:
        """Return a hold of each target that it serves at, and the drift."""
        said: list[Event] = []
        for target in policy.targets:
            serving = await self.views.get(Serving, slot_of(target, event.version.model).key)
            if serving is None or serving.version != event.version:
                continue
            if not said and isinstance(event, VersionStageChanged):
                said.append(_drift(event, event.old, event.new))
            hold = await self.views.get(Hold, hold_key(event.version.key, target.name))
            if hold is None or hold.ended:
                said.append(_held(event, policy, target, how))
        return said


def _asked(event: VersionTagSet) -> Iterator[EvaluationRequested]:
    """Yield the wish for an evaluation that the tag is."""
    if event.tag == ASKING_TAG:
        yield EvaluationRequested(
            head=event.leads_to(EvaluationRequested, About.of(event.version)),
            version=event.version,
            reason=f"tag {ASKING_TAG}: {event.value}" if event.value else f"tag {ASKING_TAG}",
        )


def _request(
    event: VersionStageChanged, target: Target, record: VersionRecord
) -> PromotionRequested:
    """Return the request; who made it is as unknown as who moved the version."""
    about = About.of(event.version, target.name)
    head = event.leads_to(PromotionRequested, about, target.name)
    return PromotionRequested(
        head=head.model_copy(update={"actor": event.head.actor}),
        version=event.version,
        target=target.name,
        slot=slot_of(target, event.version.model),
        evaluation_id=record.judgement.event_id if record.judgement else None,
        reason=f"somebody moved it to {event.new} in the registry",
    )


def _drift(event: VersionStageChanged, expected: str, actual: str) -> DriftFound:
    """Return that the registry says something else than serves."""
    return DriftFound(
        head=event.leads_to(DriftFound, About.of(event.version)),
        version=event.version,
        field="stage",
        expected=expected,
        actual=actual,
        ours=False,
    )


def _held(
    event: VersionStageChanged | VersionDeleted, policy: Policy, target: Target, how: str
) -> TargetHeld:
    """Return the hold; its reason names the owner, who is to decide."""
    owner = f"; {policy.owner} decides" if policy.owner else ""
    return TargetHeld(
        head=event.leads_to(TargetHeld, About.keyed(event.version.key), target.name),
        target=target.name,
        reason=f"{event.version} serves there and was {how} in the registry by hand{owner}",
    )
