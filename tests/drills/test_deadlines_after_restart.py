"""Each kind of deadline falls due while nobody is there: told once, in due order, and acted on.

Place in the flow: the whole program in virtual time over a real ledger file, stopped before the
moments and started behind them. Controls: a clock that tells only what falls due while it looks,
and one that does not remember what it told.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
import structlog

from processor.app import looks
from processor.app.program import Program
from processor.events import DeadlinePassed, TargetHeld, WaiverGiven
from processor.sources.deadlines import DeadlinesSource, _told
from processor.sources.findings import LEDGER
from processor.values.about import About
from processor.values.deadline import Deadline
from processor.values.principal import Principal
from tests.drills.downtime import WHERE, Lives, say
from tests.simulation.loop import virtually

ANA = Principal("ana", "authenticated")
GATE = "gates:\n  - {metric: accuracy, better: higher, at_least: 0.9}\n"
SCAN = GATE + "  - {event: scan.completed, within: 1h}\n"
TARGET = """\
  - name: %s
    slot: {forge: local, repository: acme/gitops}
    edits: [{file: "apps/%s/{model}.yaml", set: {spec.uri: "{uri}"}}]
    cluster: %s
    rollout: {deadline: 20m, stable: 1s}
"""
PEOPLE = "    approval: {people: [ana, ben], merge: sluice, expires: 5h}\n"
ALONE = "targets:\n" + TARGET % ("production", "production", "production")
BOTH = (
    "targets:\n"
    + TARGET % ("staging", "staging", "staging")
    + TARGET % ("production", "production", "production")
    + "    after: {target: staging, soak: 4h}\n"
    + PEOPLE
)
# The order they are set in is not the order they fall due in.
POLICIES = {
    "undecided": GATE + ALONE + PEOPLE,
    "ripe": GATE + BOTH,
    "held": GATE + ALONE + PEOPLE,
    "waived": GATE + ALONE + PEOPLE,
    "scanned": SCAN + ALONE + PEOPLE,
    "stuck": GATE + ALONE,
}
IN_DUE_ORDER = [
    ("rollout", "stuck"),
    ("gate window", "scanned"),
    ("waiver", "waived"),
    ("hold", "held"),
    ("soak", "ripe"),
    ("proposal", "undecided"),
]


async def undecided(lives: Lives, _: Program) -> None:
    lives.train("undecided", "run-u")
    await asyncio.sleep(15)
    assert len(lives.told("promotion.proposed", "undecided")) == 1


async def ripe(lives: Lives, _: Program) -> None:
    lives.train("ripe", "run-r")
    await asyncio.sleep(15)
    assert await lives.deploy("ripe", "staging") == "s3://models/run-r/model"
    await asyncio.sleep(10)
    assert [one["target"] for one in lives.told("serving.changed", "ripe")] == ["staging"]


async def held(lives: Lives, program: Program) -> None:
    lives.train("held", "run-h0", accuracy="0.5")
    await asyncio.sleep(10)
    about = About.of(lives.version("held"))
    until = lives.clock.now() + timedelta(hours=3)
    head = TargetHeld.heading(About(about.registry, "default", "held"), "hold", actor=ANA)
    await say(program, TargetHeld(head=head, target="production", reason="freeze", until=until))
    await asyncio.sleep(5)
    lives.train("held", "run-h")
    await asyncio.sleep(10)
    [closed] = lives.told("promotion.withdrawn", "held")
    assert closed["reason"].startswith("held by ana since ")


async def waived(lives: Lives, program: Program) -> None:
    lives.train("waived", "run-w", accuracy="0.5")
    await asyncio.sleep(10)
    version = lives.version("waived")
    [failed] = lives.told("evaluation.failed", "waived")
    gate = failed["results"][0]["gate"]
    until = lives.clock.now() + timedelta(hours=2)
    head = WaiverGiven.heading(About.of(version), "waiver", actor=ANA)
    await say(
        program, WaiverGiven(head=head, version=version, gate=gate, reason="once", until=until)
    )
    await asyncio.sleep(10)
    assert len(lives.told("promotion.proposed", "waived")) == 1


async def scanned(lives: Lives, _: Program) -> None:
    lives.train("scanned", "run-s")
    await asyncio.sleep(10)
    assert len(lives.told("evaluation.started", "scanned")) == 1


async def stuck(lives: Lives, _: Program) -> None:
    lives.train("stuck", "run-k")
    await asyncio.sleep(15)
    assert len(lives.told("promotion.approved", "stuck")) == 1


@dataclass(frozen=True)
class Case:
    """How a deadline is set, and the events its end must lead to, each exactly once."""

    model: str
    set_up: Callable[[Lives, Program], Awaitable[None]]
    leads_to: dict[str, int]


CASES = {
    "proposal": Case("undecided", undecided, {"promotion.expired": 1}),
    "soak": Case("ripe", ripe, {"promotion.requested": 2, "promotion.proposed": 2}),
    "hold": Case("held", held, {"promotion.requested": 2, "promotion.proposed": 1}),
    "waiver": Case(
        "waived",
        waived,
        {"evaluation.failed": 2, "promotion.withdrawn": 1, "promotion.proposed": 1},
    ),
    "gate window": Case("scanned", scanned, {"evaluation.inconclusive": 1}),
    "rollout": Case("stuck", stuck, {"rollout.failed": 1, "promotion.approved": 1}),
}


@pytest.fixture(autouse=True)
def quiet() -> Any:
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    yield
    structlog.configure(**before)


async def lived(folder: Path, kinds: Sequence[str], downtime: float = 6 * 3600) -> Lives:
    """Set deadlines of these kinds, be away past all of them, come back, and come back again."""
    lives = Lives(folder, {CASES[kind].model: POLICIES[CASES[kind].model] for kind in kinds})
    async with lives.life() as program:
        for kind in kinds:
            await CASES[kind].set_up(lives, program)
    assert lives.told("deadline.passed") == [], "nothing is due yet"
    await asyncio.sleep(downtime)
    async with lives.life():
        await asyncio.sleep(20)
    await asyncio.sleep(60)
    async with lives.life():
        await asyncio.sleep(20)
    return lives


def told(lives: Lives, kinds: Sequence[str]) -> list[tuple[str, str]]:
    """Return the deadlines of these kinds that were told, in the order of their places."""
    models = {CASES[kind].model: kind for kind in kinds}
    found = []
    for one in lives.told("deadline.passed"):
        model = one["deadline"].split("/")[2] if "/" in one["deadline"] else one["version"]["model"]
        if models.get(model) == one["what"]:
            found.append((one["what"], model))
    return found


@pytest.mark.parametrize("kind", CASES)
def test_a_deadline_that_passed_while_nobody_was_there_is_told_once(
    kind: str, tmp_path: Path
) -> None:
    lives = virtually(lived(tmp_path, [kind]))
    assert told(lives, [kind]) == [(kind, CASES[kind].model)]
    happened = {name: len(lives.told(name, CASES[kind].model)) for name in CASES[kind].leads_to}
    assert happened == CASES[kind].leads_to
    assert lives.work("dead") == 0


def test_all_of_them_at_once_are_told_once_each_in_due_order(tmp_path: Path) -> None:
    kinds = list(CASES)

    async def lived_and_looked() -> tuple[Lives, Counter[tuple[str, str]]]:
        lives = await lived(tmp_path, kinds)
        numbers = range(1, len(lives.forge._at(WHERE).kept) + 1)
        pulls = [await lives.forge.get(WHERE, number) for number in numbers]
        return lives, Counter((one.title.split()[1], one.state) for one in pulls)

    lives, pulls = virtually(lived_and_looked())
    passed = told(lives, kinds)
    print(f"told {len(passed)} of {len(kinds)}: {[kind for kind, _ in passed]}")
    assert passed == IN_DUE_ORDER
    assert [kind for kind, _ in passed] != kinds, "they were set in another order"
    for case in CASES.values():
        happened = {name: len(lives.told(name, case.model)) for name in case.leads_to}
        assert happened == case.leads_to, case.model
    assert lives.work("dead") == 0
    assert pulls == {
        ("undecided", "closed"): 1,
        ("ripe", "merged"): 1,
        ("ripe", "open"): 1,
        ("held", "open"): 1,
        ("waived", "closed"): 1,
        ("stuck", "merged"): 1,
    }


class Edge(DeadlinesSource):
    """A control: tells what falls due between two of its looks, as a timer in memory does."""

    async def look(self) -> dict[str, str]:
        now = self.clock.now()
        last = self.__dict__.get("last", now)
        for one in await self.views.find(Deadline, state="open"):
            if last < one.due <= now:
                await self.log.append([_told(one)])
        self.__dict__["last"] = now
        return {LEDGER: ""}


class Forgetful(DeadlinesSource):
    """A control: tells whatever is due, and remembers only in memory that it did."""

    lives: ClassVar[int] = 0

    async def look(self) -> dict[str, str]:
        seen: set[str] = self.__dict__.setdefault("seen", set())
        if not seen:
            Forgetful.lives += 1
        for one in await self.views.find(Deadline):
            if one.due <= self.clock.now() and one.key not in seen:
                event = _told(one)
                stamp = f"{one.event_id}:{Forgetful.lives}"
                again = DeadlinePassed.heading(About.keyed(one.model_key), stamp)
                await self.log.append([event.model_copy(update={"head": again})])
                seen.add(one.key)
        return {LEDGER: ""}


def test_without_rows_that_remember_they_are_told_never_or_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = ["gate window", "rollout"]
    counts: dict[str, list[int]] = {}
    for clock in (DeadlinesSource, Edge, Forgetful):
        monkeypatch.setattr(looks, "DeadlinesSource", clock)
        folder = tmp_path / clock.__name__
        folder.mkdir()
        times = Counter(told(virtually(lived(folder, kinds)), kinds))
        counts[clock.__name__] = [times[kind, CASES[kind].model] for kind in kinds]
    print(f"times each of {kinds} was told: {counts}")
    assert counts == {"DeadlinesSource": [1, 1], "Edge": [0, 0], "Forgetful": [2, 2]}
