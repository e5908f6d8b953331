"""R12: our own registry writes are not news, foreign ones are."""

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from processor.adapters.ledgers import Ledger
from processor.testing.clock import JumpingClock
from tests.drills.writers import Interleaving, Judged, Matching
from tests.report import Row, tell, timed

_STEPS = 30


@pytest.fixture
def clock() -> JumpingClock:
    return JumpingClock()


@pytest.fixture
async def ledger(tmp_path: Path, clock: JumpingClock) -> AsyncIterator[Ledger]:
    opened = await Ledger.open(tmp_path / "sluice.db", "main", clock, inline=True)
    yield opened
    await opened.close()


async def _shown(count: int, ledger: Ledger, clock: JumpingClock) -> None:
    """Interleave, then replay the same steps without matching and with a naive one."""
    ours, off, naive = Judged(), Judged(), Judged()
    with timed() as minutes:
        for number in range(count):
            story = Interleaving(f"w{number}", ledger, clock)
            steps = await story.play(random.Random(number), _STEPS)
            ours.add(story.found)
            controls: dict[Matching, Judged] = {"off": off, "by value": naive}
            for matching, found in controls.items():
                again = Interleaving(f"w{number}-{matching[:2]}", ledger, clock, matching)
                await again.replay(steps)
                found.add(again.found)
    tell(
        Row(
            drill="R12 our own registry writes are not news, foreign ones are",
            size=f"{count} interleavings: {ours.ours} writes of ours, {ours.theirs} of others",
            ours=f"{len(ours.ours_as_foreign)} of ours told as news, "
            f"{len(ours.theirs_swallowed)} of others swallowed",
            control=f"matching off: {len(off.ours_as_foreign)} of ours told as news; matching by "
            f"value alone: {len(naive.theirs_swallowed)} of others swallowed",
            minutes=minutes[0],
        )
    )
    assert ours.ours_as_foreign == []
    assert ours.theirs_swallowed == []
    assert min(ours.ours, ours.theirs) > count
    assert off.ours_as_foreign
    assert naive.theirs_swallowed


async def test_ours_are_no_news_and_theirs_are(ledger: Ledger, clock: JumpingClock) -> None:
    await _shown(20, ledger, clock)


@pytest.mark.soak
async def test_ours_are_no_news_and_theirs_are_in_a_thousand_interleavings(
    ledger: Ledger, clock: JumpingClock
) -> None:
    await _shown(1_000, ledger, clock)
