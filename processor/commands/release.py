"""Let new versions come to a held target again.

Place in the flow: CLI and API call it; `target.released` ends the hold, and what was asked for
meanwhile is asked for anew.
"""

from dataclasses import dataclass

from processor.commands.granted import Granted, already, check_key, say_once
from processor.commands.operators import Operators
from processor.errors import Refused
from processor.events import TargetReleased
from processor.ports.log import EventLog
from processor.ports.views import Views
from processor.values.about import About
from processor.values.hold import Hold, hold_key
from processor.values.principal import Principal
from processor.values.version import parts_of


@dataclass(frozen=True, kw_only=True)
class Release:
    """One person's wish to lift a hold, whoever set it; the policy need not know it any more."""

    log: EventLog
    views: Views
    operators: Operators

    async def __call__(
        self, who: Principal, model_key: str, target: str, reason: str, idempotency_key: str
    ) -> Granted:
        """Lift the hold of a model's target.

        Raises Refused: 400 no key, 401 not signed in, 403 nobody we know, 409 not held (and what
        is), 422 the key was used for something else.
        """
        self.operators.check(who)
        check_key(idempotency_key)
        event = TargetReleased(
            head=TargetReleased.heading(About.keyed(model_key), idempotency_key, actor=who),
            target=target,
            reason=reason.strip(),
        )
        if not await already(self.log, event):
            await self._held(model_key, target)
            await say_once(self.log, event)
        return Granted("released", event.head.id)

    async def _held(self, model_key: str, target: str) -> None:
        """Refuse what is not held, and say what is."""
        held = await self.views.find(Hold, model=model_key, state="open")
        if hold_key(model_key, target) in {one.key for one in held}:
            return
        others = " and ".join(one.target for one in held)
        raise Refused(
            "Not held",
            f"{target!r} of {parts_of(model_key)[-1]} is not held"
            + (f"; {others} {'are' if len(held) > 1 else 'is'}" if held else ", nor another"),
        )
