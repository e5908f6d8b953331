"""R6: every hook is dropped and the poller killed; each change is told once, within two ticks."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import Connection, select

from processor.adapters.ledgers import Ledger, rows, schema
from processor.events import Event
from processor.testing.registry import MemoryRegistry
from tests.registry.changing import HOOKED, Judged, judge
from tests.registry.lives import EVERY, Poller
from tests.registry.plan import Hand, drawn
from tests.registry.watching import REGISTRY
from tests.report import Row, tell, timed
from tests.simulation.loop import EPOCH, VirtualClock, virtually


@dataclass(frozen=True, kw_only=True)
class Size:
    changes: int
    kills: int
    models: int
    hours: float


@dataclass(frozen=True)
class Shown:
    judged: Judged
    poller: Poller

    def late(self, look: str) -> float:
        return max(self.judged.late.get(look, [0.0]))


async def drill(path: Path, size: Size, seed: int, *, polls: bool) -> Shown:
    """Change, kill, wait for the slowest look, judge."""
    dice, clock = Random(seed), VirtualClock()
    loop = asyncio.get_running_loop()
    registry = MemoryRegistry(registry_id=REGISTRY, clock=clock)
    hand = Hand(registry, loop.time)
    hand.prepare(size.models)
    seconds = size.hours * 3600
    plan = drawn(dice, size.models, size.changes, seconds)
    fatal = set(dice.sample(range(len(plan)), size.kills)) if polls else set[int]()
    poller = Poller(path=path, registry=registry, clock=clock, dice=Random(seed), polls=polls)
    await asyncio.sleep(60)  # what was there is older than the baseline
    await poller.begin()
    began, living = loop.time(), asyncio.create_task(poller.run())
    killing: list[asyncio.Task[None]] = []
    for number, (at, about) in enumerate(plan):
        await asyncio.sleep(max(0.0, began + at - loop.time()))
        hook = hand.change(about)
        poller.made = len(hand.made)
        if hook is not None and not polls:
            await poller.hook(hook)
        if number in fatal:
            killing.append(asyncio.create_task(poller.kill()))
    await asyncio.gather(*killing)
    await asyncio.sleep(2 * EVERY["reconcile"])
    living.cancel()
    await asyncio.gather(living, return_exceptions=True)
    return Shown(judge(hand.made, await told(path, clock)), poller)


async def told(path: Path, clock: VirtualClock) -> list[tuple[float, Event]]:
    """Return what the ledger holds beside the baseline, with virtual seconds."""
    ledger = await Ledger.open(path, REGISTRY, clock, inline=True)

    def job(connection: Connection) -> list[tuple[float, Event]]:
        query = select(schema.event).where(~schema.event.c.type.like("%.observed.v1"))
        found = map(rows.recorded, connection.execute(query.order_by(schema.event.c.seq)))
        return [((one.observed_at - EPOCH).total_seconds(), one.event) for one in found]

    try:
        return await ledger.database.read(job)
    finally:
        await ledger.close()


def show(folder: Path, size: Size, seed: int) -> None:
    """Run it, run it with hooks instead of polls, print both and insist."""
    with timed() as minutes:
        ours = virtually(drill(folder / "ours.db", size, seed, polls=True))
        hooks = virtually(drill(folder / "hooks.db", size, seed, polls=False))
    lost, unsent = (
        hooks.judged.lost,
        [one for one in hooks.judged.lost if one.field[0] not in HOOKED],
    )
    late = ", ".join(f"{look} {ours.late(look):.1f} s of {2 * EVERY[look]:g}" for look in EVERY)
    kills = ours.poller.kills
    tell(
        Row(
            drill="R6 every hook dropped, the poller killed",
            size=f"{ours.judged.made} changes of single fields in {size.hours:g} h (virtual), "
            f"{size.models} models, seed {seed}",
            kills=f"{sum(kills.values())}, {ours.poller.on_unfinished} before all was told: "
            + ", ".join(f"{count} {moment}" for moment, count in sorted(kills.items())),
            ours=f"{len(ours.judged.lost)} lost, {len(ours.judged.beside)} doubled or made up; "
            f"latest told after: {late}",
            control=f"hooks trusted as truth, no poll: {len(lost)} lost or late, "
            f"{len(unsent)} of them of kinds MLflow sends no hook for",
            minutes=minutes[0],
        )
    )
    assert (ours.judged.lost, ours.judged.beside) == ([], []), f"seed {seed}"
    assert all(ours.late(look) <= 2 * every for look, every in EVERY.items()), f"seed {seed}"
    assert sum(kills.values()) == size.kills
    assert ours.poller.on_unfinished >= size.kills / 2
    assert hooks.judged.lost
    assert len(lost) < hooks.judged.made


def test_each_change_is_told_once_within_two_ticks(tmp_path: Path) -> None:
    show(tmp_path, Size(changes=400, kills=10, models=20, hours=0.5), seed=6)


@pytest.mark.soak
def test_each_of_ten_thousand_changes_is_told_once_within_two_ticks(tmp_path: Path) -> None:
    show(tmp_path, Size(changes=10_000, kills=200, models=100, hours=4), seed=60)
