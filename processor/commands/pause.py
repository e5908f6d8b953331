"""Stop every write to the outside, about one model or about all.

Place in the flow: CLI, API and page call it; `writes.paused` folds into the view the effects door
asks before each write. What is due waits in its lane; nothing is lost and nothing dies of it.
"""

from dataclasses import dataclass

from processor.commands.granted import Granted, already, check_key, say_once
from processor.commands.operators import Operators, check_reason
from processor.events import WritesPaused
from processor.ports.log import EventLog
from processor.values.about import About
from processor.values.principal import Principal


@dataclass(frozen=True, kw_only=True)
class Pause:
    """One person's wish for quiet; `registry` is the registry's id."""

    log: EventLog
    operators: Operators
    registry: str

    async def __call__(
        self, who: Principal, model_key: str, reason: str, idempotency_key: str
    ) -> Granted:
        """Stop the writes about a model, or (EVERYTHING) about all; again only changes the reason.

        Raises Refused: 400 no reason or key, 401 not signed in, 403 nobody we know, 422 the key
        was used for something else.
        """
        self.operators.check(who)
        check_key(idempotency_key)
        said = check_reason(reason, "whoever finds everything standing still")
        about = About.keyed(model_key or self.registry)
        event = WritesPaused(
            head=WritesPaused.heading(about, idempotency_key, actor=who),
            model_key=model_key,
            reason=said,
        )
        if not await already(self.log, event):
            await say_once(self.log, event)
        return Granted("paused", event.head.id)
