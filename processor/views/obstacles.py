"""What keeps the machine itself from going on: a pause, a product that is down, a row that died.

Place in the flow: `why_not` asks whenever the next step is Sluice's own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from processor.values.version import Version
from processor.values.work import Stuck
from processor.views.knowledge import Knowledge
from processor.views.states import WaitState
from processor.views.status import problem_of
from processor.views.switched import switched
from processor.views.waiting import OPERATORS, SLUICE, Waiting

_LEDGER = "ledger"
_DOWN: dict[str, WaitState] = {
    "registry": "registry_down",
    "forge": "forge_down",
    "cluster": "cluster_down",
    _LEDGER: "ledger_down",
}


@dataclass(frozen=True, kw_only=True)
class Step:
    """The machine's next step: what it is about, whose turn it is, and what it needs.

    `handlers` are those whose turn it is, by the names rows of work have; `products` names as the
    dependencies have them. `writes`: it changes something outside. `again` is what a person types
    to have it all begin anew. Rows about no version count from `since` on.
    """

    model_key: str
    handlers: frozenset[str]
    products: tuple[str, ...]
    version: Version | None = None
    writes: bool = False
    again: str = ""
    since: datetime | None = None


@dataclass(frozen=True)
class Obstacle:
    """What is in the way, who can act and how, in the parts of a `Waiting`."""

    state: WaitState
    sentence: str
    since: datetime | None
    who: tuple[str, ...]
    command: str = ""
    link: str = ""


async def unless_hindered(known: Knowledge, answer: Waiting, step: Step) -> Waiting:
    """Return an answer that names a step of Sluice's own, or the same with what is in its way."""
    found = await obstacle(known, step)
    if found is None:
        return answer
    return replace(
        answer,
        state=found.state,
        waits_for=f"{answer.waits_for}; {found.sentence}",
        since=found.since or answer.since,
        who=found.who,
        command=found.command,
        link=found.link or answer.link,
    )


async def obstacle(known: Knowledge, step: Step) -> Obstacle | None:
    """Return the most telling obstacle, None when nothing is in the way."""
    rows = [row for row in await known.work.stuck(step.model_key) if _concerns(row, step)]
    return (
        _given_up(known, rows, step)
        or await _paused(known, step)
        or _down(known, (_LEDGER, *step.products))
        or _delayed(rows)
    )


def _given_up(known: Knowledge, rows: Sequence[Stuck], step: Step) -> Obstacle | None:
    """Return the newest row that does nothing more by itself."""
    who = tuple(sorted(known.people.names)) or OPERATORS
    for row in rows:
        work = row.work
        if work.state == "dead":
            return Obstacle(
                "dead_work",
                f"row {work.id} of {work.handler} was given up: {work.error}",
                work.due_at,
                who,
                f"sluice dead retry {work.id}",
                "/#dead",
            )
        if work.state == "dropped":
            return Obstacle(
                "dropped_work",
                f"row {work.id} of {work.handler} was given up and dropped: {work.error}",
                work.due_at,
                who,
                step.again or "sluice dead list --state dropped",
            )
    return None


async def _paused(known: Knowledge, step: Step) -> Obstacle | None:
    """Return who stopped the writes, where the step is one."""
    if not step.writes:
        return None
    for pause in (await switched(known, step.model_key)).pauses:
        who = tuple(sorted(known.people.names)) or OPERATORS
        state: WaitState = "model_paused" if pause.model else "paused"
        return Obstacle(state, pause.sentence, pause.since, who, pause.command)
    return None


def _down(known: Knowledge, products: Sequence[str]) -> Obstacle | None:
    """Return the first product that does not answer."""
    states = known.dependencies.states()
    for product in products:
        state = states.get(product)
        if state is not None and state.problem:
            return Obstacle(
                _DOWN[product.partition(" ")[0]],
                f"{product} does not answer: {problem_of(product, state)}; it goes on by itself",
                state.since,
                OPERATORS,
                "sluice doctor",
            )
    return None


def _delayed(rows: Sequence[Stuck]) -> Obstacle | None:
    """Return a row that is tried again, or looks again, later."""
    for row in rows:
        work = row.work
        if work.state == "ready":
            sentence = (
                f"row {work.id} of {work.handler} is tried again at "
                f"{work.due_at:%Y-%m-%d %H:%M:%S} UTC, after {work.attempts} attempts: {work.error}"
            )
            return Obstacle("retrying", sentence, work.recorded_at, SLUICE)
        if work.state == "waiting":
            sentence = f"{work.handler} looks again soon: {work.error or 'not yet'}"
            return Obstacle("waiting", sentence, work.recorded_at, SLUICE)
    return None


def _concerns(row: Stuck, step: Step) -> bool:
    """Tell whether a row of the model is in this step's way: not one about another version."""
    if row.work.handler not in step.handlers:
        return False
    if step.version is None:
        return True
    path = step.version.path
    if row.subject == path or row.subject.startswith(f"{path}/"):
        return True
    about_another = "/versions/" in row.subject and row.kind != "serving.changed"
    return not about_another and (step.since is None or row.work.recorded_at >= step.since)
