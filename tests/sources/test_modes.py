"""`mode.changed`: once per model and change, and never about one met in the new mode."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from processor.adapters.ledgers import Ledger
from processor.events import ModeChanged
from processor.policy.mode import Mode, Modes
from processor.sources.modes import ModesSource
from processor.testing.clock import JumpingClock
from tests.make import a_version, registered


@dataclass
class Bench:
    ledger: Ledger

    def source(self, mode: Mode | Mapping[str, Mode]) -> ModesSource:
        """Begin anew, as a process does."""
        return ModesSource(
            modes=Modes.written(mode),
            views=self.ledger.views,
            log=self.ledger.log,
            snapshots=self.ledger.snapshots,
            incarnation="1",
        )

    async def meet(self, *models: str) -> None:
        for model in models:
            await self.ledger.log.append([registered(a_version(model=model))])

    async def told(self, model: str = "fraud") -> list[tuple[str, str]]:
        found = await self.ledger.log.of_type(ModeChanged, f"main/default/{model}")
        return [
            (one.event.old, one.event.new) for one in found if isinstance(one.event, ModeChanged)
        ]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    ledger = await Ledger.open(tmp_path / "sluice.db", "main", JumpingClock())
    yield Bench(ledger)
    await ledger.close()


async def test_the_first_start_has_nothing_to_compare_with(bench: Bench) -> None:
    await bench.meet("fraud", "churn")
    source = bench.source("observe")
    for _ in range(3):
        assert await source.look() == {"ledger": ""}
    assert await bench.told() == await bench.told("churn") == []


async def test_each_change_is_told_once_per_model_that_it_concerns(bench: Bench) -> None:
    await bench.source("observe").look()
    await bench.meet("fraud", "churn")
    some = bench.source({"*": "observe", "fraud": "full"})
    for _ in range(3):
        await some.look()
    assert await bench.told() == [("observe", "full")]
    assert await bench.told("churn") == []
    for mode in ("observe", "full"):  # the same change again is another fact
        await bench.source(mode).look()
    assert await bench.told() == [("observe", "full"), ("full", "observe"), ("observe", "full")]
    assert await bench.told("churn") == [("observe", "full")]


async def test_a_model_met_a_moment_before_the_process_ended_is_caught_up_with(
    bench: Bench,
) -> None:
    source = bench.source("observe")
    await source.look()
    await bench.meet("fraud")  # and there was no look any more
    await bench.source("full").look()
    assert await bench.told() == [("observe", "full")]


async def test_a_model_met_in_the_new_mode_has_nothing_to_catch_up_with(bench: Bench) -> None:
    await bench.source("observe").look()
    source = bench.source("full")
    await source.look()
    await bench.meet("fraud")
    await source.look()
    await bench.source("full").look()
    assert await bench.told() == []


async def test_the_same_modes_in_other_words_are_no_change(bench: Bench) -> None:
    await bench.source({"fraud": "full"}).look()
    await bench.meet("fraud", "churn")
    await bench.source({"*": "observe", "fraud*": "full"}).look()
    assert await bench.told() == await bench.told("churn") == []


async def test_who_is_not_quick_enough_reads_again_before_it_tells(bench: Bench) -> None:
    await bench.source("observe").look()
    await bench.meet("fraud")
    slow, other = bench.source("full"), bench.source("propose")

    class Overtaken:
        """Somebody else tells between this one's reading and its telling."""

        async def models(self, state: str | None = None) -> Sequence[str]:
            await other.look()
            return await bench.ledger.views.models(state)

    slow.views = Overtaken()  # type: ignore[assignment]
    await slow.look()
    assert await bench.told() == [("observe", "propose")]
    await slow.look()
    await slow.look()
    assert await bench.told() == [("observe", "propose"), ("propose", "full")]
    await other.look()
    assert len(await bench.told()) == 2, "an older process does not tell it back"


async def test_the_event_is_about_the_model_and_its_id_is_no_value_s(bench: Bench) -> None:
    await bench.source("observe").look()
    await bench.meet("fraud")
    await bench.source("full").look()
    [found] = await bench.ledger.log.of_type(ModeChanged, "main/default/fraud")
    assert found.event.head.subject == "main/default/fraud"
    assert found.event.head.actor.name == "sluice"
