"""How does the program stand: what is switched off, what it depends on, what waits, what died?

Place in the flow: `sluice status`, `/v1/status`, the board's header, `/readyz` and `/metrics`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import processor
from processor.ports.dependencies import State
from processor.values.look import LookState
from processor.values.pause import is_writes
from processor.values.work import Work
from processor.views.knowledge import Knowledge
from processor.views.switched import Held, Paused, switched


@dataclass(frozen=True)
class Product:
    """Something we need; `problem` is empty while it answers."""

    name: str
    problem: str
    since: datetime


@dataclass(frozen=True)
class Look:
    """How often a source looks, in seconds as set and as it is now, and `pace`, why it differs.

    `well` is when the newest look that went well began, `problem` what kept the newest from it;
    `requests` is how many that one made and `seconds` how long they were out together. `load` is
    the part of one core of the product that it may keep busy at this pace, at most.
    """

    name: str
    every: float
    interval: float
    pace: str
    well: datetime | None
    problem: str
    requests: int
    seconds: float
    load: float


@dataclass(frozen=True)
class Row:
    """A row of work that is dead or waits, and why."""

    id: int
    handler: str
    part: str
    event_id: str
    attempts: int
    due_at: datetime
    error: str


@dataclass(frozen=True)
class Status:
    """How things stand.

    `well` is False while there is something for an operator to end: a product that does not
    answer, a dead row, writes that are paused. A hold is a decision about one target and leaves
    it True.
    """

    program: str
    well: bool
    mode: str
    registry: str
    now: datetime
    events: int
    pos: int
    undispatched: int
    work: dict[str, int]
    effects: dict[str, int]
    oldest_ready: datetime | None
    pauses: tuple[Paused, ...]
    holds: tuple[Held, ...]
    products: tuple[Product, ...]
    looks: tuple[Look, ...]
    dead: tuple[Row, ...]
    waiting: tuple[Row, ...]


async def status(known: Knowledge) -> Status:
    """Return how things stand now."""
    summary = await known.work.summary()
    off = await switched(known)
    products = tuple(
        Product(name, problem_of(name, state), state.since)
        for name, state in products_of(known).items()
    )
    return Status(
        program=processor.__version__,
        well=not (summary.dead or off.pauses or any(product.problem for product in products)),
        mode=str(known.modes),
        registry=known.registry,
        now=known.clock.now(),
        events=summary.events,
        pos=summary.pos,
        undispatched=summary.undispatched,
        work=dict(summary.work),
        effects=dict(summary.effects),
        oldest_ready=summary.oldest_ready,
        pauses=off.pauses,
        holds=off.holds,
        products=products,
        looks=tuple(_look(state) for _, state in sorted(known.looks.states().items())),
        dead=tuple(map(_row, summary.dead)),
        waiting=tuple(map(_row, summary.waiting)),
    )


def products_of(known: Knowledge) -> Mapping[str, State]:
    """Return how the products are, by name; our own writes are told as pauses."""
    states = known.dependencies.states()
    return {name: state for name, state in sorted(states.items()) if not is_writes(name)}


def problem_of(name: str, state: State) -> str:
    """Return a product's problem; what says it may have named the product already."""
    return state.problem.removeprefix(f"{name}: ")


def _look(state: LookState) -> Look:
    return Look(
        name=state.name,
        every=state.every,
        interval=state.interval,
        pace=state.pace,
        well=state.well,
        problem=state.problem,
        requests=state.requests,
        seconds=state.seconds,
        load=state.cost / state.interval,
    )


def _row(work: Work) -> Row:
    return Row(
        work.id, work.handler, work.part, work.event_id, work.attempts, work.due_at, work.error
    )
