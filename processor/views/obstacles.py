"""What keeps the machine itself from going on: a product that is down, a row that died or waits.

Place in the flow: `why_not` asks whenever the next step is Sluice's own.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from processor.values.work import Work
from processor.views.knowledge import Knowledge
from processor.views.status import problem_of


@dataclass(frozen=True)
class Obstacle:
    """`state` is dead_work, <product>_down or waiting."""

    state: str
    sentence: str
    since: datetime | None
    command: str = ""


async def obstacle(
    known: Knowledge, model_key: str, products: Iterable[str], handlers: Iterable[str]
) -> Obstacle | None:
    """Return the most telling obstacle for a model, None when nothing is in the way.

    `products` are names as the dependencies have them; `handlers` are those whose turn it is:
    a row of another one is not in the way.
    """
    summary = await known.work.summary()
    wanted = frozenset(handlers)
    if dead := await _concerned(known, summary.dead, model_key, wanted):
        row = dead[0]
        sentence = f"row {row.id} of {row.handler} was given up: {row.error}"
        return Obstacle("dead_work", sentence, row.recorded_at, "sluice doctor")
    states = known.dependencies.states()
    for product in products:
        kind = product.partition(" ")[0]
        state = states.get(product)
        if state is not None and state.problem:
            sentence = (
                f"{product} does not answer: {problem_of(product, state)}; it goes on by itself"
            )
            return Obstacle(f"{kind}_down", sentence, state.since, "sluice doctor")
    if waiting := await _concerned(known, summary.waiting, model_key, wanted):
        row = waiting[0]
        sentence = f"{row.handler} looks again soon: {row.error or 'not yet'}"
        return Obstacle("waiting", sentence, row.recorded_at)
    return None


async def _concerned(
    known: Knowledge, rows: Sequence[Work], model_key: str, handlers: frozenset[str]
) -> Sequence[Work]:
    """Return the rows whose event is about the model."""
    found = []
    for row in rows:
        if row.handler not in handlers:
            continue
        happened = await known.log.get(row.event_id)
        key = happened.event.head.key if happened else ""
        if key == model_key or key.startswith(f"{model_key}/"):
            found.append(row)
    return found
