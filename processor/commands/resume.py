"""Let writes to the outside go on.

Place in the flow: CLI, API and page call it; `writes.resumed` ends the pause of the same key, and
the rows that waited have their turn, each once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from processor.commands.granted import Granted, already, check_key, say_once
from processor.commands.operators import Operators
from processor.errors import Refused
from processor.events import WritesResumed
from processor.ports.log import EventLog
from processor.ports.views import Views
from processor.values.about import About
from processor.values.pause import EVERYTHING, Pause
from processor.values.principal import Principal
from processor.values.version import parts_of


@dataclass(frozen=True, kw_only=True)
class Resume:
    """One person's wish to go on; `registry` is the registry's id."""

    log: EventLog
    views: Views
    operators: Operators
    registry: str

    async def __call__(
        self, who: Principal, model_key: str, reason: str, idempotency_key: str
    ) -> Granted:
        """End the pause of a model, or (EVERYTHING) the one of all; each ends by itself.

        Raises Refused: 400 no key, 401 not signed in, 403 nobody we know, 409 that is not paused
        (and what is), 422 the key was used for something else.
        """
        self.operators.check(who)
        check_key(idempotency_key)
        about = About.keyed(model_key or self.registry)
        event = WritesResumed(
            head=WritesResumed.heading(about, idempotency_key, actor=who),
            model_key=model_key,
            reason=reason.strip(),
        )
        if not await already(self.log, event):
            paused = await self.views.find(Pause, state="open")
            if model_key not in {one.key for one in paused}:
                raise Refused("Not paused", _instead(model_key, paused))
            await say_once(self.log, event)
        return Granted("resumed", event.head.id)


def _instead(model_key: str, paused: Sequence[Pause]) -> str:
    """Return what is paused where what was named is not."""
    asked = f"the model {_model(model_key)}" if model_key else "everything"
    others = "; ".join(
        f"{f'the model {_model(one.key)}' if one.key else 'everything'} is, by {one.by}, to be "
        f"lifted by: sluice resume{f' --model {_model(one.key)}' if one.key else ''}"
        for one in paused
    )
    return f"{asked} is not paused{f'; {others}' if others else ', and nothing else is'}"


def _model(key: str) -> str:
    return parts_of(key)[-1] if key != EVERYTHING else ""
