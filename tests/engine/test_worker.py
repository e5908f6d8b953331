"""The worker: what becomes of a row, whatever its handler does."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from processor.adapters.ledgers import Ledger
from processor.engine.clock import SystemClock
from processor.errors import NotYet, Retryable, Suppressed, Terminal, Unavailable
from processor.events import EvaluationRequested, Event, VersionRegistered, WorkDied
from processor.values.about import About
from tests.engine import rig
from tests.engine.rig import Handler, Rig
from tests.make import a_version, registered


@dataclass
class Scripted:
    """A handler that does what its script says, one line a turn, then succeeds for ever."""

    script: list[Exception] = field(default_factory=list)
    turns: list[str] = field(default_factory=list)

    async def __call__(self, event: VersionRegistered) -> Sequence[Event]:
        self.turns.append(event.version.number)
        if self.script and self.script[0] is not None:
            raise self.script.pop(0)
        head = event.leads_to(EvaluationRequested, About.of(event.version))
        return [EvaluationRequested(head=head, version=event.version)]


@asynccontextmanager
async def running(
    folder: Path,
    handler: Handler,
    *,
    lane: Callable[[VersionRegistered], str] = lambda e: e.version.model,
    limit: float = 5.0,
) -> AsyncIterator[Rig]:
    scripted = rig.route("scripted", handler, lane=lane, limit=limit)
    async with rig.running(folder, [scripted]) as engine:
        yield engine


async def died(engine: Rig) -> list[WorkDied]:
    return await engine.died()


async def asked(engine: Rig) -> list[str]:
    found = await engine.ledger.log.of_key("main/default/fraud")
    return [one.event.version.number for one in found if isinstance(one.event, EvaluationRequested)]


async def test_what_a_handler_says_is_appended_with_its_row(tmp_path: Path) -> None:
    handler = Scripted()
    async with running(tmp_path, handler) as engine:
        for number in ("1", "2", "3"):
            await engine.ledger.log.append([registered(a_version(number))])
        await engine.state_is(done=3)
        assert await asked(engine) == ["1", "2", "3"]
    assert handler.turns == ["1", "2", "3"]


async def test_an_outage_holds_the_lane_and_blames_nobody(tmp_path: Path) -> None:
    handler = Scripted([Unavailable("registry", "down", after=0.001) for _ in range(9)])
    async with running(tmp_path, handler) as engine:
        for number in ("1", "2"):
            await engine.ledger.log.append([registered(a_version(number))])
        await engine.state_is(done=2)
        assert await died(engine) == []
        assert engine.dependencies.states()["registry"].problem == "", "no row waits for it"
    assert handler.turns == ["1"] * 10 + ["2"], "the second waited for the first"


@pytest.mark.parametrize("failure", [Retryable("no", after=0.001), ValueError("a bug")])
async def test_answers_that_blame_the_row_spend_its_budget(
    tmp_path: Path, failure: Exception
) -> None:
    handler = Scripted([failure] * 6)
    async with running(tmp_path, handler) as engine:
        for number in ("1", "2"):
            await engine.ledger.log.append([registered(a_version(number))])
        await engine.state_is(dead=1, done=1)
        [told] = await died(engine)
        assert "6 tries failed" in told.reason
        assert str(failure) in told.reason
        assert await asked(engine) == ["2"], "the lane moved on"
    assert handler.turns == ["1"] * 6 + ["2"]


async def test_too_early_lets_the_next_row_go_first(tmp_path: Path) -> None:
    handler = Scripted([NotYet("running", after=0.05, until=60)])
    async with running(tmp_path, handler) as engine:
        await engine.ledger.log.append([registered(a_version(n)) for n in ("1", "2")])
        await engine.state_is(done=2)
    assert handler.turns == ["1", "2", "1"]


async def test_too_early_for_too_long_is_dead_and_told(tmp_path: Path) -> None:
    handler = Scripted([NotYet("running", after=0.01, until=-1.0)])
    async with running(tmp_path, handler) as engine:
        await engine.ledger.log.append([registered(a_version())])
        await engine.state_is(dead=1)
        [told] = await died(engine)
        assert "running" in told.reason


async def test_terminal_is_dead_at_once_and_told_once(tmp_path: Path) -> None:
    async with running(tmp_path, Scripted([Terminal("file x is missing: add it")])) as engine:
        await engine.ledger.log.append([registered(a_version())])
        await engine.state_is(dead=1)
        [told] = await died(engine)
        assert (told.handler, told.reason) == ("scripted", "file x is missing: add it")


async def test_what_the_mode_forbids_is_done(tmp_path: Path) -> None:
    async with running(tmp_path, Scripted([Suppressed("observe")])) as engine:
        await engine.ledger.log.append([registered(a_version())])
        await engine.state_is(done=1)
        assert await asked(engine) == []


async def test_a_handler_that_hangs_or_says_nonsense_delays_only_its_own_lane(
    tmp_path: Path,
) -> None:
    async def odd(event: VersionRegistered) -> Any:
        if event.version.model == "hangs":
            await asyncio.sleep(3600)
        return ["not an event"] if event.version.model == "nonsense" else []

    async with running(tmp_path, odd, limit=0.2) as engine:
        for model in ("hangs", "nonsense", "fine"):
            await engine.ledger.log.append([registered(a_version(model=model))])

        async def settled() -> bool:
            summary = await engine.ledger.counts.summary()
            late = any("took longer than" in work.error for work in summary.waiting)
            return summary.work.get("done") == 1 and summary.work.get("dead") == 1 and late

        await engine.until(settled)
        [told] = await died(engine)
        assert "not an event" in told.reason


async def test_lanes_run_side_by_side_and_order_holds_within_one(tmp_path: Path) -> None:
    together, most = 0, 0
    order: dict[str, list[int]] = {}

    async def slow(event: VersionRegistered) -> Sequence[Event]:
        nonlocal together, most
        together += 1
        most = max(most, together)
        order.setdefault(event.version.model, []).append(int(event.version.number))
        await asyncio.sleep(0.01)
        together -= 1
        return []

    async with running(tmp_path, slow) as engine:
        for number in range(1, 11):
            await engine.ledger.log.append(
                [registered(a_version(str(number), model=f"m{m}")) for m in range(8)]
            )
        await engine.state_is(done=80)
    assert most > 4
    assert all(numbers == list(range(1, 11)) for numbers in order.values())


async def test_stopping_lets_a_turn_end_and_keeps_the_rest(tmp_path: Path) -> None:
    began = asyncio.Event()

    async def slow(_: VersionRegistered) -> Sequence[Event]:
        began.set()
        await asyncio.sleep(0.3)
        return []

    async with running(tmp_path, slow) as engine:
        await engine.ledger.log.append([registered(a_version(n)) for n in ("1", "2")])
        await began.wait()
    ledger = await Ledger.open(tmp_path / "sluice.db", "main", SystemClock())
    assert (await ledger.counts.summary()).work == {"done": 1, "ready": 1}
    await ledger.close()


async def test_a_row_whose_outcome_cannot_be_stored_is_dead_and_its_lane_moves_on(
    tmp_path: Path,
) -> None:
    class Unstorable(EvaluationRequested):
        def model_dump_json(self, **_: Any) -> str:
            raise ValueError("a fold bug, say")

    async def handler(event: VersionRegistered) -> Sequence[Event]:
        if event.version.number == "1":
            head = event.leads_to(EvaluationRequested, About.of(event.version))
            return [Unstorable(head=head, version=event.version)]
        return []

    async with running(tmp_path, handler) as engine:
        for number in ("1", "2"):
            await engine.ledger.log.append([registered(a_version(number))])
        await engine.state_is(dead=1, done=1)
        [told] = await died(engine)
        assert "could not be stored: ValueError: a fold bug, say" in told.reason


async def test_rows_go_on_as_soon_as_a_product_is_back(tmp_path: Path) -> None:
    handler = Scripted([Unavailable("registry", "down", after=3600.0)])
    async with running(tmp_path, handler) as engine:
        await engine.ledger.log.append([registered(a_version())])

        async def waits() -> bool:
            return bool((await engine.ledger.counts.summary()).waiting)

        await engine.until(waits)
        engine.dependencies.report("registry")
        engine.worker.planned.set()
        await engine.state_is(done=1)
    assert handler.turns == ["1", "1"]
