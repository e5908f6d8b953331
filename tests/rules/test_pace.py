"""How often a look may come: what it costs decides, one that is far off does not."""

import pytest

from processor.rules.pace import Rhythm, cost_after, in_words, interval, is_notable, soonest

CHANGES = Rhythm(2.0, load=0.01, longest=900.0)


def settled(rhythm: Rhythm, cost: float, looks: int = 40) -> float:
    """Return the estimate after so many looks that cost the same."""
    estimate = before = rhythm.affordable
    for _ in range(looks):
        estimate, before = cost_after(estimate, before, cost, rhythm), cost
    return estimate


@pytest.mark.parametrize(
    ("cost", "every"), [(0.0, 2.0), (0.019, 2.0), (0.037, 3.7), (0.44, 44.0), (100.0, 900.0)]
)
def test_the_interval_is_what_the_cost_leaves_of_the_share(cost: float, every: float) -> None:
    assert interval(CHANGES, settled(CHANGES, cost)) == pytest.approx(every, rel=0.01)


def test_without_a_share_nothing_is_stretched() -> None:
    free = Rhythm(2.0)
    assert interval(free, 500.0) == 2.0
    assert soonest(free, 500.0) == 0.0


def test_one_look_that_is_far_off_counts_for_a_few() -> None:
    usual = settled(CHANGES, 0.03)
    baseline = cost_after(usual, 0.03, 30.0, CHANGES)
    assert interval(CHANGES, baseline) < 3 * interval(CHANGES, usual)
    first = CHANGES.affordable
    assert interval(CHANGES, cost_after(first, first, 30.0, CHANGES)) < 4.0
    behind = cost_after(baseline, 30.0, 0.03, CHANGES)
    assert interval(CHANGES, behind) < interval(CHANGES, baseline)
    assert cost_after(behind, 0.03, 0.03, CHANGES) == 0.03


def test_two_looks_in_a_row_are_believed_dear_or_cheap() -> None:
    for usual, new in ((0.03, 0.44), (0.44, 0.03)):
        estimate = settled(CHANGES, usual)
        estimate = cost_after(estimate, usual, new, CHANGES)
        assert cost_after(estimate, new, new, CHANGES) == new


def test_looks_that_cost_now_this_now_that_count_with_their_mean() -> None:
    estimate, before = CHANGES.affordable, CHANGES.affordable
    seen = []
    for number in range(200):
        cost = 1.0 if number % 2 else 0.01
        estimate, before = cost_after(estimate, before, cost, CHANGES), cost
        seen.append(estimate)
    assert 0.4 < sum(seen[100:]) / 100 < 0.6


def test_a_hint_waits_for_the_share_too_and_no_longer_than_the_look_would() -> None:
    assert soonest(CHANGES, 0.005) == pytest.approx(0.5)
    assert soonest(CHANGES, 0.037) == pytest.approx(interval(CHANGES, 0.037))
    assert soonest(CHANGES, 1e9) == interval(CHANGES, 1e9) == 900.0


def test_only_a_pace_that_is_another_by_far_is_worth_saying() -> None:
    assert not is_notable(2.0, 2.9)
    assert is_notable(2.0, 3.0)
    assert is_notable(7.4, 2.0)
    assert not is_notable(7.4, 7.4)


@pytest.mark.parametrize(
    ("rhythm", "cost", "said"),
    [
        (Rhythm(2.0, 0.005), 0.037, "every 7.4 s instead of 2 s: a look costs 37 ms"),
        (Rhythm(2.0, 0.01), 0.002, "every 2 s: a look costs 2 ms"),
        (Rhythm(2.0, 0.01), 0.44, "every 44 s instead of 2 s: a look costs 440 ms"),
        (Rhythm(900.0, 0.005), 10.0, "every 33 min instead of 15 min: a look costs 10 s"),
        (Rhythm(900.0, 0.005), 40.0, "every 2.2 h instead of 15 min: a look costs 40 s"),
        (
            CHANGES,
            12.0,
            "every 15 min instead of 2 s: a look costs 12 s, more than its share of max_load",
        ),
    ],
)
def test_the_pace_in_words(rhythm: Rhythm, cost: float, said: str) -> None:
    assert in_words(rhythm, cost) == said
