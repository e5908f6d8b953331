"""Ask anew for what could not go on before.

Place in the flow: mode.changed (to one that allows more), target.released, deadline.passed (hold)
-> promotion.requested: for what met the hold, else for the newest version that passed the gates,
or evaluation.requested where it passed those of an older policy. What is still open goes on by
itself: propose, withdraw, vouch, merge and mark hear of the change too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from processor.events import (
    DeadlinePassed,
    EvaluationRequested,
    Event,
    ModeChanged,
    PromotionRequested,
    TargetReleased,
)
from processor.policy.policy import Policies, Policy
from processor.policy.targets import Target
from processor.ports.views import Views
from processor.queries.soaked import soaked_before
from processor.rules.candidates import held_wish, may_ask, newest_passer, still_wanted
from processor.rules.slots import slot_of
from processor.values.about import About
from processor.values.hold import Hold, hold_key
from processor.values.principal import SLUICE, Principal
from processor.values.promotion import Promotion
from processor.values.record import VersionRecord
from processor.values.serving import Serving
from processor.values.version import Version, parts_of

Woken = ModeChanged | TargetReleased | DeadlinePassed


@dataclass(frozen=True, kw_only=True)
class Renew:
    """One request per event and target at most, whatever met the hold or the mode before."""

    views: Views
    policies: Policies

    async def __call__(self, event: Woken) -> Sequence[Event]:
        """Return what is asked for now."""
        _, workspace, model = parts_of(event.head.key)
        policy = self.policies.ruling(workspace, model)
        if policy is None:
            return []
        said: list[Event] = []
        for target in policy.targets:
            here = isinstance(event, ModeChanged) or event.target == target.name
            if here and not await self._is_held(event, target):
                said += await self._anew(event, policy, target)
        return list({one.head.id: one for one in said}.values())

    async def _is_held(self, event: Woken, target: Target) -> bool:
        """Tell whether somebody holds the target (again)."""
        hold = await self.views.get(Hold, hold_key(event.head.key, target.name))
        return hold is not None and not hold.ended

    async def _anew(self, event: Woken, policy: Policy, target: Target) -> Sequence[Event]:
        """Return what is asked for at one target.

        Versions are read before promotions: a verdict is told together with its request.
        """
        key = event.head.key
        records = await self.views.find(VersionRecord, model=key, state="live")
        promotions = await self.views.find(Promotion, model=key)
        known = {record.version: record for record in records}
        wish = held_wish(promotions, target.name)
        if wish is not None and await self._holds(wish, policy, target, known):
            reason = f"it met a hold of {target.name}, which is over"
            return [_request(event, target, known[wish.version], wish.requested_by, reason)]
        record = await self._due(policy, target, key, known)
        if record is None or not may_ask(promotions, record.version, target.name):
            return []
        if await self._serves(target, record.version):
            return []
        judgement = record.judgement
        if judgement is None or judgement.policy_digest != policy.digest:
            return [_evaluation(event, record.version)]
        reason = "it is the newest that passed its gates"
        return [_request(event, target, record, SLUICE, reason)]

    async def _holds(
        self,
        wish: Promotion,
        policy: Policy,
        target: Target,
        known: Mapping[Version, VersionRecord],
    ) -> bool:
        """Tell whether what was asked for during a hold may still be; a person skips the soak."""
        if not still_wanted(wish, known.get(wish.version)):
            return False
        if target.after is None or wish.requested_by != SLUICE:
            return True
        return await soaked_before(self.views, policy, target, wish.version.key) == wish.version

    async def _due(
        self, policy: Policy, target: Target, key: str, known: Mapping[Version, VersionRecord]
    ) -> VersionRecord | None:
        """Return the version whose turn it is at a target, if it is anybody's."""
        newest = newest_passer(known.values())
        if target.after is None:
            return newest if target.name == policy.first_target.name else None
        version = await soaked_before(self.views, policy, target, key)
        record = known.get(version) if version is not None else None
        return record if record is not None and newest_passer([record]) else None

    async def _serves(self, target: Target, version: Version) -> bool:
        """Tell whether the version serves there already, however it came there."""
        serving = await self.views.get(Serving, slot_of(target, version.model).key)
        return serving is not None and serving.version == version


def _request(
    event: Woken, target: Target, record: VersionRecord, by: Principal, reason: str
) -> PromotionRequested:
    """Return the request, in the name of whoever asked first: nobody approves their own."""
    version = record.version
    return PromotionRequested(
        head=PromotionRequested.heading(
            About.of(version, target.name),
            f"{event.head.id}:{target.name}",
            actor=by,
            cause=event.head.id,
            trace=event.head.trace,
        ),
        version=version,
        target=target.name,
        slot=slot_of(target, version.model),
        evaluation_id=record.judgement.event_id if record.judgement else None,
        reason=reason,
    )


def _evaluation(event: Woken, version: Version) -> EvaluationRequested:
    """Return the wish to have a version judged by the policy in force."""
    return EvaluationRequested(
        head=event.leads_to(EvaluationRequested, About.of(version)),
        version=version,
        reason="the policy changed since it passed",
    )
