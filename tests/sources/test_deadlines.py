"""Every deadline that passed is told once, in due order; one that was lifted never is."""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from processor.adapters.ledgers import Ledger
from processor.bus.hints import Hint, HintingBus
from processor.events import DeadlinePassed, Event, TargetHeld, TargetReleased, WaiverGiven
from processor.ports.log import Recorded
from processor.rules.history.deadlines import sets_one
from processor.sources.deadlines import DeadlinesSource
from processor.testing.clock import JumpingClock
from processor.testing.samples import SAMPLES
from processor.values.about import About
from processor.values.deadline import Deadline
from processor.values.principal import Principal
from tests.make import a_version

ANA = Principal("ana", "authenticated")
V1 = a_version()
HOUR = 3600.0


@dataclass
class Bench:
    """One ledger file; `restart` is a new process at it."""

    path: Path
    clock: JumpingClock
    ledger: Ledger
    said: int = 0
    dropped: list[str] = field(default_factory=list)

    @property
    def source(self) -> DeadlinesSource:
        return DeadlinesSource(views=self.ledger.views, log=self.ledger.log, clock=self.clock)

    async def restart(self) -> None:
        await self.ledger.close()
        self.ledger = await Ledger.open(self.path, "main", self.clock)

    async def hold(self, target: str, hours: float | None) -> str:
        self.said += 1
        until = None if hours is None else self.clock.now() + timedelta(hours=hours)
        head = TargetHeld.heading(About("main", "default", "fraud"), str(self.said), actor=ANA)
        await self.ledger.log.append(
            [TargetHeld(head=head, target=target, reason="why", until=until)]
        )
        return head.id

    async def release(self, target: str) -> None:
        self.said += 1
        head = TargetReleased.heading(About("main", "default", "fraud"), str(self.said), actor=ANA)
        await self.ledger.log.append([TargetReleased(head=head, target=target, reason="")])

    async def waive(self, gate: str, hours: float) -> str:
        self.said += 1
        head = WaiverGiven.heading(About.of(V1), str(self.said), actor=ANA)
        until = self.clock.now() + timedelta(hours=hours)
        event = WaiverGiven(head=head, version=V1, gate=gate, reason="why", until=until)
        await self.ledger.log.append([event])
        return head.id

    async def told(self) -> list[DeadlinePassed]:
        happened = await self.ledger.log.of_type(DeadlinePassed, "main/default/fraud")
        return [one.event for one in happened if isinstance(one.event, DeadlinePassed)]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    clock = JumpingClock()
    path = tmp_path / "sluice.db"
    made = Bench(path, clock, await Ledger.open(path, "main", clock))
    yield made
    await made.ledger.close()


async def test_nothing_is_told_before_its_moment_and_everything_at_it(bench: Bench) -> None:
    set_by = await bench.hold("production", 1)
    await bench.clock.jump(HOUR - 1)
    await bench.source.look()
    assert await bench.told() == []
    await bench.clock.jump(1)
    await bench.source.look()
    await bench.source.look()
    [event] = await bench.told()
    assert (event.what, event.event_id, event.target) == ("hold", set_by, "production")
    assert event.head.time == event.due == bench.clock.now()
    assert (event.version, event.head.cause) == (None, set_by)


async def test_several_are_told_in_due_order_and_ties_by_key(bench: Bench) -> None:
    await bench.hold("b", 3)
    await bench.waive("gate", 2)
    await bench.hold("a", 3)
    await bench.hold("c", 1)
    await bench.restart()
    await bench.clock.jump(100 * HOUR)
    await bench.source.look()
    assert [(one.what, one.target) for one in await bench.told()] == [
        ("hold", "c"),
        ("waiver", ""),
        ("hold", "a"),
        ("hold", "b"),
    ]


async def test_one_that_was_set_anew_is_told_for_its_new_moment_alone(bench: Bench) -> None:
    await bench.hold("production", 1)
    again = await bench.hold("production", 5)
    await bench.clock.jump(2 * HOUR)
    await bench.source.look()
    assert await bench.told() == []
    await bench.clock.jump(4 * HOUR)
    await bench.source.look()
    assert [one.event_id for one in await bench.told()] == [again]


async def test_one_that_is_lifted_between_look_and_word_is_not_told(bench: Bench) -> None:
    await bench.hold("production", 1)
    await bench.hold("staging", 1)
    await bench.clock.jump(HOUR)
    read = bench.source.views

    class Quick:
        """Views that are out of date by the time they are read."""

        async def find(self, kind: type[Any], **wanted: Any) -> Any:
            found = await read.find(kind, **wanted)
            await bench.release("production")
            return found

    late = replace(bench.source, views=Quick())  # type: ignore[arg-type]
    await late.look()
    assert [one.target for one in await bench.told()] == ["staging"]
    row = await read.get(Deadline, "hold:main/default/fraud/production")
    assert row is not None
    assert (row.passed, row.lifted) == (False, True)


async def test_it_knows_how_long_nothing_will_fall_due(bench: Bench) -> None:
    assert await bench.source.until_next() == float("inf")
    await bench.hold("a", 2)
    await bench.waive("gate", 1)
    assert await bench.source.until_next() == HOUR
    await bench.clock.jump(HOUR / 2)
    assert await bench.source.until_next() == HOUR / 2
    await bench.clock.jump(HOUR)
    assert await bench.source.until_next() == 0


async def told_of(seed: int, folder: Path) -> tuple[list[str], list[str]]:
    """Set, lift and be away at random; return what was told, and what had to be."""
    rng = random.Random(seed)
    clock = JumpingClock()
    path = folder / f"{seed}.db"
    bench = Bench(path, clock, await Ledger.open(path, "main", clock))
    stands: dict[str, tuple[datetime, str]] = {}
    expected: list[str] = []

    def due_now() -> None:
        passed = sorted((due, key, by) for key, (due, by) in stands.items() if due <= clock.now())
        for _, key, by in passed:
            expected.append(by)
            del stands[key]

    for _ in range(40):
        match rng.choice(["hold", "hold", "waive", "release", "look", "away"]):
            case "hold":
                target, hours = rng.choice("abc"), rng.choice([None, 1, 2, 5, 24])
                by = await bench.hold(target, hours)
                key = f"hold:main/default/fraud/{target}"
                stands.pop(key, None)
                if hours is not None:
                    stands[key] = (clock.now() + timedelta(hours=hours), by)
            case "waive":
                gate, hours = rng.choice("xyz"), rng.choice([0, 1, 3])
                by = await bench.waive(gate, hours)
                stands[f"waiver:{V1.path}:{gate}"] = (clock.now() + timedelta(hours=hours), by)
            case "release":
                target = rng.choice("abc")
                await bench.release(target)
                stands.pop(f"hold:main/default/fraud/{target}", None)
            case "look":
                await clock.jump(rng.uniform(0, HOUR))
                await bench.source.look()
                due_now()
            case _:
                await clock.jump(rng.uniform(0, 48 * HOUR))
                await bench.restart()
    told = [one.event_id for one in await bench.told()]
    await bench.ledger.close()
    return told, expected


async def test_whatever_is_set_lifted_and_slept_through(tmp_path: Path) -> None:
    total = 0
    for seed in range(12):
        told, expected = await told_of(seed, tmp_path)
        assert told == expected, f"seed {seed}"
        total += len(told)
    print(f"{total} deadlines told in 12 histories, each once and in order")
    assert total > 60


NEW = {
    "evaluation.started",
    "waiver.given",
    "promotion.requested",
    "promotion.approved",
    "promotion.bypassed",
}


@pytest.mark.parametrize("event", SAMPLES, ids=lambda event: event.kind)
async def test_the_bus_wakes_the_clock_when_there_is_something_to_wait_for(event: Event) -> None:
    published: list[Recorded] = []

    class Bus:
        def coming(self) -> None:
            pass

        async def publish(self, placed: Any) -> None:
            published.extend(placed)

        async def arrived(self, seconds: float) -> None:
            del seconds

    wake = asyncio.Event()
    bus = HintingBus(bus=Bus(), hints=(Hint(sets_one, wake),))
    at = datetime(2026, 1, 1, tzinfo=UTC)
    await bus.publish([Recorded(event, at, at, 1, "h")])
    assert len(published) == 1
    assert wake.is_set() == (event.kind in NEW or _says_when(event.model_dump()))


def _says_when(data: Mapping[str, Any]) -> bool:
    soaks = [one for one in data.get("soaks", ()) if one["due"]]
    return bool(data.get("expires") or soaks or (data.get("until") and "gate" not in data))
