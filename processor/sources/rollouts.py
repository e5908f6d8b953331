"""Say what serves, at every slot, whether or not we asked for it.

Place in the flow: `app` looks through this every few seconds; the only place that says
`rollout.*`, `serving.changed` and `target.adopted`. `rules/rollout` decides, this asks and tells.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter

from processor.errors import Terminal, Unavailable
from processor.events import (
    Event,
    RolloutFailed,
    RolloutProgressed,
    RolloutRegressed,
    RolloutStarted,
    RolloutSucceeded,
    RolloutSuperseded,
    ServingChanged,
    TargetAdopted,
)
from processor.policy.policy import Policy
from processor.policy.targets import Target
from processor.ports.clock import Clock
from processor.ports.log import EventLog
from processor.ports.reading.cluster import ClusterReader
from processor.ports.snapshots import Snapshots
from processor.ports.views import Views
from processor.rules.rollout import Adopted, Changed, Moved, Said, Watch, judge
from processor.rules.slots import slot_of, workload_of
from processor.sources.ruled import Ruled
from processor.values.about import About
from processor.values.deadline import Deadline, rollout_key
from processor.values.promotion import Promotion, State
from processor.values.serving import Observation, Soak
from processor.values.slot import Slot
from processor.values.snapshot import Snapshot
from processor.values.version import parts_of

_WATCH = TypeAdapter(Watch)
_NOT_YET: frozenset[State] = frozenset({"approved", "bypassed", "rolling_out"})
_KINDS: Mapping[str, type[Event]] = {
    "started": RolloutStarted,
    "progressed": RolloutProgressed,
    "succeeded": RolloutSucceeded,
    "failed": RolloutFailed,
    "regressed": RolloutRegressed,
    "superseded": RolloutSuperseded,
}


@dataclass(frozen=True)
class Place:
    """One model at one target, and the targets it goes on to from there."""

    workspace: str
    model: str
    target: Target
    following: tuple[Target, ...]

    @property
    def slot(self) -> Slot:
        """Return the slot its serving version is written in."""
        return slot_of(self.target, self.model)


@dataclass(frozen=True, kw_only=True)
class RolloutsSource:
    """Looks at every model's workload at every target; `clusters` by their configured names."""

    registry_id: str
    clusters: Mapping[str, ClusterReader]
    policies: Ruled
    log: EventLog
    snapshots: Snapshots
    views: Views
    clock: Clock
    incarnation: str

    async def look(self) -> Mapping[str, str]:
        """Look once at everything; return what each cluster that was asked had against it.

        A cluster that is down hides only its own workloads.
        """
        by_cluster: dict[str, list[Place]] = {}
        for place in await self._places():
            by_cluster.setdefault(place.target.cluster, []).append(place)
        # Every cluster is looked at to the end: an unexpected error must leave no look behind it.
        outages = await asyncio.gather(
            *(self._look_at(cluster, places) for cluster, places in by_cluster.items()),
            return_exceptions=True,
        )
        found: dict[str, str] = {}
        for cluster, outage in zip(by_cluster, outages, strict=True):
            if isinstance(outage, Unavailable):
                found[outage.product] = str(outage)
            elif outage is None:
                found[f"cluster {cluster}"] = ""
            else:
                raise outage
        return found

    async def _places(self) -> Sequence[Place]:
        """Return every model with a version, deleted ones too, at every target of its policy."""
        models = sorted(parts_of(key) for key in await self.views.models())
        return [
            Place(workspace, model, target, _after(policy, target))
            for _, workspace, model in models
            if (policy := self.policies.by(workspace, model)) is not None
            for target in policy.targets
        ]

    async def _look_at(self, cluster: str, places: Sequence[Place]) -> Unavailable | None:
        """Look at one cluster's workloads; return the outage that ended it, or the first oddity."""
        reader = self.clusters.get(cluster)
        if reader is None:
            return Unavailable(f"cluster {cluster}", "is not among the configured clusters")
        oddity: Unavailable | None = None
        for place in places:
            try:
                await self._look_at_one(reader, place)
            except Unavailable as outage:
                return outage
            except Terminal as odd:
                # One workload that cannot be read must not hide the others of its cluster.
                reason = f"{place.model} at {place.target.name} cannot be looked at: {odd}"
                oddity = oddity or Unavailable(f"cluster {cluster}", reason)
        return oddity

    async def _look_at_one(self, reader: ClusterReader, place: Place) -> None:
        """Look at one workload and append what that means, with the memory it follows from."""
        subject = f"rollout:{place.slot.key}"
        held = await self.snapshots.get(subject)
        before = None if held.data is None else _WATCH.validate_json(held.data)
        seen = await reader.observe(workload_of(place.target, place.model))
        promotions = await self.views.find(Promotion, slot=place.slot.key)
        overdue = await self._overdue(promotions)
        now = self.clock.now()
        said, watch = judge(before, promotions, seen, now, place.target.rollout, overdue)
        if said or watch != before:
            stamp = f"{self.incarnation}:{held.revision + 1}"
            events = [self._event(one, place, seen, stamp, now) for one in said]
            data = _WATCH.dump_json(watch).decode()
            await self.log.append(events, snapshot=Snapshot(subject, held.revision, data))

    async def _overdue(self, promotions: Sequence[Promotion]) -> frozenset[str]:
        """Return those merged promotions whose rollout deadline was told; the clock tells it."""
        rows = [
            await self.views.get(Deadline, rollout_key(one.id))
            for one in promotions
            if one.state in _NOT_YET
        ]
        return frozenset(row.promotion_id or "" for row in rows if row is not None and row.passed)

    def _event(
        self, said: Said, place: Place, seen: Observation, stamp: str, now: datetime
    ) -> Event:
        """Return the event of what the rule says; `stamp` tells this look from every other."""
        about = About(self.registry_id, place.workspace, place.model, None, place.target.name)
        match said:
            case Adopted():
                return TargetAdopted(
                    head=TargetAdopted.heading(about, stamp),
                    target=place.target.name,
                    slot=place.slot,
                    uri=said.uri,
                    version=said.version,
                )
            case Changed():
                return ServingChanged(
                    head=ServingChanged.heading(about, stamp),
                    target=place.target.name,
                    slot=place.slot,
                    uri=said.uri,
                    version=said.version,
                    approved=said.approved,
                    promotion_id=said.promotion_id,
                    endpoint=seen.endpoint if said.uri else None,
                    prediction=seen.prediction if said.uri else None,
                    soaks=_soaks(said, place, now),
                )
            case Moved():
                return _rollout(said, seen, stamp)


def _after(policy: Policy, target: Target) -> tuple[Target, ...]:
    """Return the targets that come after one."""
    return tuple(one for one in policy.targets if one.after and one.after.target == target.name)


def _soaks(said: Changed, place: Place, now: datetime) -> tuple[Soak, ...]:
    """Return until when it has to serve here for each next target; what is not approved never."""
    soaks = said.version is not None and said.approved
    return tuple(
        Soak(one.name, now + one.after.soak if soaks else None)
        for one in place.following
        if one.after is not None
    )


def _rollout(moved: Moved, seen: Observation, stamp: str) -> Event:
    """Return the event of a rollout's next step, caused by the promotion's request.

    What can happen once to a promotion is told apart by it alone; the rest by this look too.
    """
    promotion = moved.promotion
    kind = _KINDS[moved.how]
    repeats = moved.again or moved.how in {"progressed", "regressed"}
    more: dict[str, str] = {}
    match moved.how:
        case "progressed":
            more = {"detail": moved.detail}
        case "failed" | "regressed":
            more = {"reason": moved.detail}
        case "succeeded":
            more = {"endpoint": seen.endpoint or "", "prediction": seen.prediction or ""}
        case "started" | "superseded":
            pass
    return kind.model_validate(
        {
            "head": kind.heading(
                About.of(promotion.version, promotion.target),
                f"{promotion.id}:{stamp}" if repeats else promotion.id,
                cause=promotion.request_id,
            ),
            "promotion_id": promotion.id,
            "version": promotion.version,
            "target": promotion.target,
            "slot": promotion.slot,
            "uri": promotion.uri,
            **more,
        }
    )
