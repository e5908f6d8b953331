"""Every row of a table done in one go, and what was told about each row's models.

Place in the flow: the tables' tests. Each row has a model and a neighbour of the same make; what is
told of a neighbour, or of anything else in the registry, belongs to no row.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Literal

from tests.parts import old_mlflow
from tests.parts.mlflow import MlflowServer
from tests.registry.doors import Door, DoorName
from tests.registry.operations import PREPARED, Operation, Told
from tests.registry.told import told
from tests.registry.watching import Watching, running

When = Literal["running", "down", "between looks"]
"""We look after each row; we are gone while all are done; we run and look once all are done."""
_NAMES = ("{m}", "{m}.made", "{m}.new", "{m}.between")


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """The rows under a prefix of their own, and what was told: by row, and of nobody's."""

    rows: Sequence[Operation]
    prefix: str
    old: bool
    by_row: dict[str, list[Told]] = field(default_factory=dict)
    stray: list[Told] = field(default_factory=list)

    def model(self, row: Operation) -> str:
        """Return the name of a row's model."""
        return f"{self.prefix}.{row.slug}"

    def expected(self, row: Operation) -> list[Told]:
        """Return what the table says of this scenario's model."""
        said = row.told
        if self.old and row.told_by_old is not None:
            said = row.told_by_old
        return alike_sorted([_named(one, self.model(row)) for one in said])

    def heard(self, row: Operation) -> list[Told]:
        """Return what was told of it, in order."""
        return alike_sorted(self.by_row.get(row.slug, []))

    def hear(self, said: Told) -> None:
        """Sort an event under its row."""
        about = re.split("[@ ]", said[1])[0]
        for row in self.rows:
            if about in {name.format(m=self.model(row)) for name in _NAMES}:
                self.by_row.setdefault(row.slug, []).append(said)
                return
        self.stray.append(said)

    def prepare(self, door: Door) -> None:
        """Make every row's model and its neighbour."""
        for row in self.rows:
            for name in (self.model(row), f"{self.model(row)}.beside"):
                for step in (*PREPARED, *row.also):
                    door.do(step.on(name))

    async def do(self, door: Door, looking: Watching | None) -> None:
        """Do every row, and look after each of them if somebody is there to look."""
        for row in self.rows:
            for step in row.does:
                door.do(step.on(self.model(row)))
            if looking is not None:
                await looking.look()

    async def listen(self, watching: Watching, known: int) -> None:
        """Look, and sort what was told since."""
        await watching.look()
        for event in await watching.events(after=known):
            self.hear(told(event))


def alike_sorted(said: Sequence[Told]) -> list[Told]:
    """Return events in their order, but neighbours of one type sorted."""
    found: list[Told] = []
    for _, alike in groupby(said, key=itemgetter(0)):
        found += sorted(alike, key=itemgetter(1))
    return found


def _named(said: Told, model: str) -> Told:
    kind, subject, *values = said
    old, new = (value and value.format(m=model) for value in values)
    return kind, subject.format(m=model), old, new


Played = Callable[[str, When, DoorName, Sequence[Operation]], Scenario]
"""Gives the scenario of a server's name, when, through which door; played the first time."""


async def play(
    server: MlflowServer, door: Door, when: When, rows: Sequence[Operation], ledger: Path
) -> Scenario:
    """Prepare every row, watch, do every row, and return what was told meanwhile."""
    old = server.version == old_mlflow.VERSION
    scenario = Scenario(rows=rows, prefix=ledger.stem, old=old)
    scenario.prepare(door)
    async with running(ledger, server.url) as watching:
        await watching.look()
        known = len(await watching.events())
        await watching.look()
        assert len(await watching.events()) == known, "something is told of a registry at rest"
        if when != "down":
            await scenario.do(door, watching if when == "running" else None)
            await scenario.listen(watching, known)
            return scenario
    await scenario.do(door, None)
    async with running(ledger, server.url) as watching:
        await scenario.listen(watching, known)
    return scenario
