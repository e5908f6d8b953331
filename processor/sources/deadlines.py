"""The only clock that speaks.

Place in the flow: deadlines are rows folded from events; each one that has passed is told once,
in due order, also after the process was down over several. Between looks it sleeps until the
next moment is due; an event that sets a new one wakes it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from processor.events import DeadlinePassed
from processor.ports.clock import Clock
from processor.ports.log import EventLog
from processor.ports.views import Views
from processor.sources.findings import LEDGER
from processor.values.about import About
from processor.values.deadline import Deadline
from processor.values.principal import SLUICE
from processor.values.version import parts_of


@dataclass(frozen=True, kw_only=True)
class DeadlinesSource:
    """Looks at open deadlines."""

    views: Views
    log: EventLog
    clock: Clock

    async def look(self) -> Mapping[str, str]:
        """Tell what has passed, the earliest first, ties by key; return that the ledger answered.

        One that was lifted or set anew since it was read is not told: the ledger compares.
        """
        now = self.clock.now()
        waiting = await self.views.find(Deadline, state="open")
        passed = (one for one in waiting if one.due <= now)
        for one in sorted(passed, key=lambda one: (one.due, one.key)):
            await self.log.append([_told(one)], waiting=one)
        return {LEDGER: ""}

    async def until_next(self) -> float:
        """Return the seconds until the next deadline falls due, 0 when one is, else infinity."""
        waiting = await self.views.find(Deadline, state="open")
        next_due = min((one.due for one in waiting), default=None)
        if next_due is None:
            return float("inf")
        return max((next_due - self.clock.now()).total_seconds(), 0.0)


def _told(passed: Deadline) -> DeadlinePassed:
    """Return the event; it is identified by what set the deadline, so it is one for ever."""
    head = DeadlinePassed.heading(
        _about(passed),
        f"{passed.kind}:{passed.event_id}",
        actor=SLUICE,
        cause=passed.event_id,
        time=passed.due,
    )
    return DeadlinePassed(
        head=head,
        deadline=passed.key,
        what=passed.kind,
        event_id=passed.event_id,
        due=passed.due,
        version=passed.version,
        target=passed.target,
        promotion_id=passed.promotion_id,
        gate=passed.gate,
        slot=passed.slot,
    )


def _about(passed: Deadline) -> About:
    """Return whose it is: a version's, or a model's target's."""
    if passed.version is not None:
        return About.of(passed.version, passed.target or None)
    registry, workspace, model = parts_of(passed.model_key)
    return About(registry, workspace, model, target=passed.target)
