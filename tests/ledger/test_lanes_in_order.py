"""A row of a lane begins when the one before is settled: random handlers, over a real ledger."""

import asyncio
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest

from processor.adapters.ledgers import Ledger, appending
from processor.engine.clock import SystemClock
from processor.errors import NotYet, Retryable, Suppressed, Terminal, Unavailable
from processor.events import EvaluationRequested, Event, VersionRegistered
from processor.values.about import About
from processor.values.effect import Effect
from processor.values.work import Work
from tests.engine.rig import route, running
from tests.make import a_version, registered

LANES, ROWS, SEEDS = 6, 7, 8

FAILURES: dict[str, Callable[[], Exception]] = {
    "retry": lambda: Retryable("not now", after=0.001),
    "bug": lambda: Retryable("a bug", after=0.001),
    "outage": lambda: Unavailable("registry", "down", after=0.001),
    "early": lambda: NotYet("too early", after=0.001, until=60),
}
ENDS: dict[str, Callable[[], Exception] | None] = {
    "said": None,
    "acted": None,
    "suppressed": lambda: Suppressed("observe"),
    "terminal": lambda: Terminal("useless"),
}


@dataclass
class World:
    """Random handlers; what they saw that nobody may see, and what they did outside."""

    random: Random
    ledger: Ledger | None = None
    wrong: list[str] = field(default_factory=list)
    effects: Counter[str] = field(default_factory=Counter)
    due_effects: set[str] = field(default_factory=set)
    turns: int = 0
    _scripts: dict[str, list[str]] = field(default_factory=dict)
    _ended: dict[str, list[tuple[str, str]]] = field(default_factory=dict)

    async def __call__(self, event: VersionRegistered) -> Sequence[Event]:
        self.turns += 1
        await self._look(event)
        await self._pause()
        script = self._scripts.setdefault(event.head.id, self._script())
        step = script.pop(0) if len(script) > 1 else script[0]
        if step in FAILURES:
            failure = FAILURES[step]
            raise failure()
        if step == "acted":
            await self._act(event)
        await self._pause()
        head = event.leads_to(EvaluationRequested, About.of(event.version))
        says = step in {"said", "acted"}
        said = [EvaluationRequested(head=head, version=event.version)] if says else []
        fact = head.id if says else ""
        self._ended.setdefault(event.version.model, []).append((event.head.id, fact))
        end = ENDS[step]
        if end is not None:
            raise end()
        return said

    async def _look(self, event: VersionRegistered) -> None:
        """See what those before left behind: each is settled, and what it said is stored."""
        assert self.ledger is not None
        before = list(self._ended.get(event.version.model, []))
        states = {row.event_id: row.state for row in await _rows(self.ledger)}
        for earlier, fact in before:
            if states.get(earlier) not in {"done", "dead"}:
                self.wrong.append(f"{earlier} is {states.get(earlier)}")
            if fact and await self.ledger.log.get(fact) is None:
                self.wrong.append(f"what {earlier} said is not there")

    async def _act(self, event: VersionRegistered) -> None:
        """Make an effect as the door does: on disk before it is made, and never again."""
        assert self.ledger is not None
        effects, key = self.ledger.effects, f"effect:{event.head.id}"
        self.due_effects.add(key)
        wanted = Effect(key, "registry.mark", event.head.subject, "", "", "d", event.head.id)
        known = await effects.begin(wanted)
        if known.state == "done":
            return
        await self._pause()
        self.effects[key] += 1
        await effects.save(Effect(**{**known.__dict__, "state": "done"}))

    def _script(self) -> list[str]:
        tries = self.random.choices(sorted(FAILURES), k=self.random.randint(0, 2))
        return [*tries, self.random.choice(sorted(ENDS))]

    async def _pause(self) -> None:
        for _ in range(self.random.randint(0, 6)):
            await asyncio.sleep(0)


async def _rows(ledger: Ledger) -> list[Work]:
    found: list[Work] = []
    for state in ("ready", "running", "waiting", "done", "dead"):
        found += [one.work for one in await ledger.counts.rows(state)]
    return found


@dataclass
class Hasty:
    """A queue that lets go of the lane first and stores what was said a little later."""

    real: Any
    later: set["asyncio.Task[None]"] = field(default_factory=set)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    async def settle(self, work: Work, events: Sequence[Event]) -> None:
        await self.real.settle(work, ())

        async def store() -> None:
            for _ in range(40):
                await asyncio.sleep(0)
            await self.real.database.write(
                lambda connection: _append(connection, self.real.clock.now(), events)
            )

        task = asyncio.create_task(store())
        self.later.add(task)
        task.add_done_callback(self.later.discard)


def _append(connection: Any, now: Any, events: Sequence[Event]) -> None:
    appending.append(connection, now, events)


async def lived(
    empty: Path, folder: Path, seed: int, over: Callable[[Ledger], Any] = lambda ledger: ledger.work
) -> World:
    """Let random rows of a few lanes have their turns; return what was seen."""
    folder.mkdir()
    shutil.copy(empty, folder / "sluice.db")
    world = World(Random(seed))
    told = [
        registered(a_version(str(number), model=f"m{lane}"))
        for number in range(ROWS)
        for lane in range(LANES)
    ]
    async with running(folder, [route("any", world)], over=over, inline=True) as rig:
        world.ledger = rig.ledger
        at = 0
        while at < len(told):
            some = world.random.randint(1, 9)
            await rig.ledger.log.append(told[at : at + some])
            at += some
            await world._pause()

        async def over_now() -> bool:
            work = (await rig.ledger.counts.summary()).work
            return sum(work.get(state, 0) for state in ("done", "dead")) == len(told)

        await rig.until(over_now)
        dead = (await rig.ledger.counts.summary()).work.get("dead", 0)
        told_dead = await rig.died()
        assert len({one.event_id for one in told_dead}) == len(told_dead) == dead, f"seed {seed}"
    return world


@pytest.fixture
async def empty(tmp_path: Path) -> Path:
    ledger = await Ledger.open(tmp_path / "empty.db", "main", SystemClock())
    await ledger.close()
    return tmp_path / "empty.db"


async def test_order_within_a_lane_holds_and_each_effect_happens_once(
    tmp_path: Path, empty: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    turns = effects = 0
    for seed in range(SEEDS):
        world = await lived(empty, tmp_path / str(seed), seed)
        assert world.wrong == [], f"seed {seed}"
        assert world.effects == Counter(dict.fromkeys(world.due_effects, 1)), f"seed {seed}"
        turns += world.turns
        effects += len(world.due_effects)
    with capsys.disabled():
        print(f"\norder: {SEEDS} seeds, {turns} turns, {effects} effects once each, 0 out of order")
    assert turns > SEEDS * LANES * ROWS, "some were tried again"
    assert effects > SEEDS


async def test_control_a_worker_that_does_not_wait_for_the_settle_is_caught(
    tmp_path: Path, empty: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = 0
    for seed in range(SEEDS):
        world = await lived(empty, tmp_path / str(seed), seed, lambda ledger: Hasty(ledger.work))
        wrong += len(world.wrong)
    with capsys.disabled():
        print(f"order, control: {SEEDS} seeds, {wrong} times a row began too early")
    assert wrong > 0
