"""Let a target keep what it has.

Place in the flow: CLI and API call it; `target.held` folds into the view propose, vouch and merge
ask for. A hold stops no way back to what served before.
"""

from dataclasses import dataclass
from datetime import datetime

from processor.commands.granted import Granted, already, check_key, say_once
from processor.commands.operators import Operators, check_reason
from processor.commands.ruled import target_named
from processor.errors import Refused
from processor.events import TargetHeld
from processor.policy.policy import Policies
from processor.ports.clock import Clock
from processor.ports.log import EventLog
from processor.values.about import About
from processor.values.principal import Principal


@dataclass(frozen=True, kw_only=True)
class Hold:
    """One person's wish that nothing new comes to a target."""

    log: EventLog
    clock: Clock
    policies: Policies
    operators: Operators

    async def __call__(
        self,
        who: Principal,
        model_key: str,
        target: str,
        reason: str,
        idempotency_key: str,
        *,
        until: datetime | None = None,
    ) -> Granted:
        """Hold a model's target, until a moment or until somebody releases it.

        A second hold takes the first one's place. Raises Refused: 400 no reason or key, or `until`
        is over; 401 not signed in, 403 nobody we know, 404 no such target (with the nearest name),
        409 no policy, or two; 422 the key was used for something else.
        """
        self.operators.check(who)
        check_key(idempotency_key)
        said = check_reason(reason, "whoever wonders why nothing new comes there")
        where = target_named(self.policies, model_key, target)
        event = TargetHeld(
            head=TargetHeld.heading(About.keyed(model_key), idempotency_key, actor=who),
            target=where.name,
            reason=said,
            until=until,
        )
        if not await already(self.log, event):
            if until is not None and until <= self.clock.now():
                raise Refused("Over already", f"{until:%Y-%m-%d %H:%M:%S %Z} is past", status=400)
            await say_once(self.log, event)
        return Granted("held", event.head.id)
