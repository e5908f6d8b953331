"""A turn that breaks off, or whose words nobody can store: its row goes on, and its lane too."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from processor.adapters.ledgers import Ledger
from processor.engine import turns
from processor.errors import NotYet, Terminal, Unavailable
from processor.events import EvaluationRequested, Event, VersionRegistered
from processor.ports.work import WorkQueue
from processor.testing.clock import JumpingClock
from processor.values.about import About
from tests.engine.rig import Rig, route, running
from tests.make import a_version, registered

HALF = "file \udcff.yaml"  # half a character, as JSON from outside may hold


@dataclass
class Scripted:
    """A handler that raises what its script says, one line a turn, then has nothing to say."""

    script: list[Exception] = field(default_factory=list)
    turns: list[str] = field(default_factory=list)

    async def __call__(self, event: VersionRegistered) -> Sequence[Event]:
        self.turns.append(event.version.number)
        if self.script:
            raise self.script.pop(0)
        return []


@dataclass
class Faulty:
    """A queue whose methods fail as often as it is told, not as a ledger that is away does."""

    queue: WorkQueue
    fails: dict[str, list[Exception]]

    def __getattr__(self, name: str) -> Any:
        asked = getattr(self.queue, name)

        async def call(*args: Any, **more: Any) -> Any:
            if self.fails.get(name):
                raise self.fails[name].pop(0)
            return await asked(*args, **more)

        return call


def faulty(**fails: list[Exception]) -> Any:
    return lambda ledger: Faulty(ledger.work, fails)


def broken(times: int) -> list[Exception]:
    return [RuntimeError("a bug below") for _ in range(times)]


async def problem_of(rig: Rig, product: str) -> str:
    state = rig.dependencies.states().get(product)
    return state.problem if state else ""


async def test_a_turn_that_breaks_off_is_had_again_and_its_lane_moves_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "_AGAIN", 0.01)
    handler = Scripted()
    fails = faulty(settle=broken(1), bury=broken(2), postpone=broken(2))
    async with running(tmp_path, [route("scripted", handler)], over=fails) as rig:
        await rig.ledger.log.append([registered(a_version(number)) for number in ("1", "2")])
        await rig.state_is(done=2)
    assert handler.turns == ["1", "1", "2"]


async def test_a_row_that_waits_to_be_had_again_says_why(tmp_path: Path) -> None:
    fails = faulty(settle=broken(1), bury=broken(2))
    async with running(tmp_path, [route("scripted", Scripted())], over=fails) as rig:
        await rig.ledger.log.append([registered(a_version())])
        await rig.state_is(ready=1)
        await rig.until(lambda: _said(rig, "its turn broke off: RuntimeError: a bug below"))
        [row] = (await rig.rows("ready"))["scripted"]
        assert (row.blamed, row.crashes) == (0, 0)


async def _said(rig: Rig, words: str) -> bool:
    rows = (await rig.rows("ready")).get("scripted", [])
    return [row.error for row in rows] == [words]


@pytest.mark.parametrize("bug", [ValueError(HALF), Unavailable("registry", HALF)])
async def test_words_that_no_file_takes_cost_no_turn(tmp_path: Path, bug: Exception) -> None:
    handler = Scripted([bug] * 3)
    async with running(tmp_path, [route("scripted", handler)]) as rig:
        await rig.ledger.log.append([registered(a_version())])
        await rig.state_is(done=1)
        assert await rig.died() == []
    assert len(handler.turns) == 4


async def test_the_last_words_of_a_dead_row_are_told_as_far_as_they_can_be(tmp_path: Path) -> None:
    async def says(event: VersionRegistered) -> Sequence[Event]:
        if event.version.number == "1":
            raise Terminal(HALF)
        head = event.leads_to(EvaluationRequested, About.of(event.version))
        return [EvaluationRequested(head=head, version=event.version, reason=HALF)]

    async with running(tmp_path, [route("scripted", says)]) as rig:
        await rig.ledger.log.append([registered(a_version(number)) for number in ("1", "2")])
        await rig.state_is(dead=2)
        first, second = [told.reason for told in await rig.died()]
        assert first == "file ?.yaml"
        assert "its outcome could not be stored" in second


async def test_a_row_that_was_away_longer_than_its_time_is_not_given_up_unseen(
    tmp_path: Path,
) -> None:
    clock = JumpingClock()
    ledger = await Ledger.open(tmp_path / "sluice.db", "main", clock)
    await ledger.log.append([registered(a_version())])
    await ledger.close()
    await clock.jump(5400)
    handler = Scripted([NotYet("no version of run r1 yet", after=2, until=3600)])
    async with running(tmp_path, [route("scripted", handler)], clock=clock) as rig:
        await rig.state_is(waiting=1)
        await clock.jump(3)
        rig.worker.planned.set()
        await rig.state_is(done=1)
        assert await rig.died() == []


async def test_no_row_is_given_up_while_who_has_to_see_what_it_waits_for_is_down(
    tmp_path: Path,
) -> None:
    early = NotYet("no version of run r1 yet", after=0.01, until=0.0, product="registry")
    handler = Scripted([early] * 1000)
    async with running(tmp_path, [route("scripted", handler)]) as rig:
        rig.dependencies.report("registry", "registry: down", by="registry.changes")
        await rig.ledger.log.append([registered(a_version())])

        async def looked() -> bool:
            return len(handler.turns) >= 5

        await rig.until(looked)
        assert await rig.died() == []
        rig.dependencies.report("registry", by="registry.changes")
        await rig.state_is(dead=1)
        [told] = await rig.died()
        assert told.reason.startswith("waited 0 s in vain: no version of run r1 yet; ")


async def test_a_product_that_only_rows_ask_is_well_once_none_waits_for_it(tmp_path: Path) -> None:
    release = asyncio.Event()

    async def asks(event: VersionRegistered) -> Sequence[Event]:
        if event.version.model == "slow" and not release.is_set():
            raise Unavailable("evaluator", "the disk is full", after=0.001)
        if event.version.number == "1" and not handler.turns:
            handler.turns.append("down")
            raise Unavailable("evaluator", "the disk is full", after=0.001)
        return []

    handler = Scripted()
    async with running(tmp_path, [route("asks", asks)]) as rig:
        told = [registered(a_version(model="slow")), registered(a_version(model="quick"))]
        await rig.ledger.log.append(told)

        async def one_done() -> bool:
            return (await rig.ledger.counts.summary()).work.get("done") == 1

        await rig.until(one_done)
        assert await problem_of(rig, "evaluator") == "evaluator: the disk is full"
        release.set()
        await rig.state_is(done=2)
        assert await problem_of(rig, "evaluator") == "", "the window passed: nobody asks it again"


async def test_a_product_that_came_back_while_the_ledger_was_away_is_not_forgotten(
    tmp_path: Path,
) -> None:
    down = [Unavailable(product, "down", after=3600.0) for product in ("registry", "forge acme")]
    away: list[Exception] = [Unavailable("ledger", "the disk is full", after=0.01)]
    handler = Scripted(list(down))
    routes = [route("scripted", handler)]
    async with running(tmp_path, routes, over=faulty(hurry=away)) as rig:
        models = [registered(a_version(model=model)) for model in ("a", "b")]
        await rig.ledger.log.append(models)

        async def waits() -> bool:
            return len((await rig.ledger.counts.summary()).waiting) == 2

        await rig.until(waits)
        for product in ("registry", "forge acme"):
            rig.dependencies.report(product)
        rig.worker.planned.set()
        await rig.state_is(done=2)
    assert away == []


async def test_a_row_of_a_target_that_a_policy_lost_names_it(tmp_path: Path) -> None:
    async with running(tmp_path, [route("propose", Scripted(), part="production")]) as rig:
        rig.worker.stopping.set()
        rig.worker.planned.set()
        await asyncio.sleep(0.05)
        await rig.ledger.log.append([registered(a_version())])
        await rig.state_is(ready=1)
    async with running(tmp_path, [route("propose", Scripted(), part="staging")]) as rig:
        await rig.state_is(dead=1)
        [told] = await rig.died()
        assert told.reason.startswith(
            "nothing is called 'production' any more for which handler propose acts on "
            "model_version.registered: put that target (in its policy) or endpoint"
        )
