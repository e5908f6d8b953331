"""R5: whatever the forge answers, and whenever, a promotion has exactly one pull request."""

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from processor.adapters.ledgers import Ledger
from processor.testing.clock import JumpingClock
from processor.testing.forges import BEHAVIOURS
from tests.races.race import Outcome, Race
from tests.report import Row, tell, timed

_TWICE = {"check, then insert", "5xx but created", "lists late", "ended before the retry"}
"""Behaviours under which a second request that is sent at once makes a second pull request."""


@pytest.fixture
def clock() -> JumpingClock:
    return JumpingClock()


@pytest.fixture
async def ledger(tmp_path: Path, clock: JumpingClock) -> AsyncIterator[Ledger]:
    opened = await Ledger.open(tmp_path / "sluice.db", "main", clock, inline=True)
    yield opened
    await opened.close()


async def _races(
    behaviour: str, count: int, ledger: Ledger, clock: JumpingClock, off: str = ""
) -> dict[str, Outcome]:
    """Run so many races on fresh forges; return what each ended as, by its seed."""
    ended = {}
    for number in range(count):
        seed = f"{list(BEHAVIOURS).index(behaviour)}-{number}-{off}"
        forge = BEHAVIOURS[behaviour]("acme", clock.now)
        race = Race(seed, forge, ledger, clock, forgets=off == "memory")
        ended[seed] = await (race.run_twice_at_once() if off == "lane" else race.run())
    return ended


def _counted(ended: dict[str, Outcome]) -> Counter[str]:
    """Count what the forge's own lists show."""
    counts = Counter(
        doubled=sum(len(one.standing) > 1 for one in ended.values()),
        missing=sum(not one.standing for one in ended.values()),
        died=sum(bool(one.died) for one in ended.values()),
        unknown=sum(not one.died and one.known not in one.standing for one in ended.values()),
    )
    counts["deaths"] = sum(one.deaths for one in ended.values())
    counts["tries"] = sum(one.tries for one in ended.values())
    return counts


async def _shown(behaviour: str, count: int, ledger: Ledger, clock: JumpingClock) -> None:
    with timed() as minutes:
        ours = await _races(behaviour, count, ledger, clock)
    off = _counted(await _races(behaviour, count, ledger, clock, "memory"))
    beside = _counted(await _races(behaviour, count, ledger, clock, "lane"))
    found = _counted(ours)
    tell(
        Row(
            drill=f"R5 one pull request; the forge: {behaviour}",
            size=f"{count} races, {found['tries']} tries",
            kills=f"{found['deaths']} deaths within a request",
            ours=f"{found['doubled']} doubled, {found['missing']} missing, {found['died']} dead",
            control=(
                f"memory off: {off['doubled']} doubled, {off['died']} dead; lane off, two at "
                f"once: {beside['doubled']} doubled, {beside['died']} dead"
            ),
            minutes=minutes[0],
        )
    )
    wrong = {
        seed: one
        for seed, one in ours.items()
        if len(one.standing) != 1 or one.died or one.known not in one.standing
    }
    assert wrong == {}
    assert off["doubled"] + off["died"] > 0
    assert off["doubled"] > 0 or behaviour not in _TWICE


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
async def test_a_promotion_has_one_pull_request(
    behaviour: str, ledger: Ledger, clock: JumpingClock
) -> None:
    await _shown(behaviour, 25, ledger, clock)


@pytest.mark.soak
@pytest.mark.parametrize("behaviour", BEHAVIOURS)
async def test_a_promotion_has_one_pull_request_in_five_hundred_races(
    behaviour: str, ledger: Ledger, clock: JumpingClock
) -> None:
    await _shown(behaviour, 500, ledger, clock)
