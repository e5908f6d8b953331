"""How does the program stand: what it depends on, what waits, what died?

Place in the flow: `sluice status`, `/v1/status`, the board's header, `/readyz` and `/metrics`.
"""

from dataclasses import dataclass
from datetime import datetime

import processor
from processor.ports.dependencies import State
from processor.values.work import Work
from processor.views.knowledge import Knowledge


@dataclass(frozen=True)
class Product:
    """Something we need; `problem` is empty while it answers."""

    name: str
    problem: str
    since: datetime


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
    """`well` is True while every product answers and no row of work is dead."""

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
    products: tuple[Product, ...]
    dead: tuple[Row, ...]
    waiting: tuple[Row, ...]


async def status(known: Knowledge) -> Status:
    """Return how things stand now."""
    summary = await known.work.summary()
    products = tuple(
        Product(name, problem_of(name, state), state.since)
        for name, state in sorted(known.dependencies.states().items())
    )
    return Status(
        program=processor.__version__,
        well=not summary.dead and not any(product.problem for product in products),
        mode=known.mode,
        registry=known.registry,
        now=known.clock.now(),
        events=summary.events,
        pos=summary.pos,
        undispatched=summary.undispatched,
        work=dict(summary.work),
        effects=dict(summary.effects),
        oldest_ready=summary.oldest_ready,
        products=products,
        dead=tuple(map(_row, summary.dead)),
        waiting=tuple(map(_row, summary.waiting)),
    )


def problem_of(name: str, state: State) -> str:
    """Return a product's problem; what says it may have named the product already."""
    return state.problem.removeprefix(f"{name}: ")


def _row(work: Work) -> Row:
    return Row(
        work.id, work.handler, work.part, work.event_id, work.attempts, work.due_at, work.error
    )
