"""Who may be asked for without a person: never against one, and never backwards."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.rules.candidates import held_wish, may_ask, newest_passer, soaked, still_wanted
from processor.rules.promotion import MERGED, OPEN
from processor.values.deadline import Deadline
from processor.values.evaluation import Verdict
from processor.values.principal import SLUICE, Principal
from processor.values.promotion import Promotion, State
from processor.values.record import Judgement, VersionRecord
from processor.values.serving import Serving
from processor.values.version import Version
from tests.make import SLOT, a_version

T0 = datetime(2026, 1, 1, tzinfo=UTC)
ANA = Principal("ana", "authenticated")
STATES: Sequence[State] = get_args(State)


def version(number: int) -> Version:
    return a_version(str(number), created_ms=number * 1000)


def record(
    number: int, verdict: Verdict | None = "passed", *, deleted: bool = False
) -> VersionRecord:
    judged = Judgement("e", T0, "d", verdict, ())
    return VersionRecord(
        version(number), "run", "None", "s3://m", T0, deleted=deleted, judgement=judged
    )


def promotion(
    number: int,
    state: State,
    *,
    at: int = 0,
    target: str = "production",
    by: Principal = SLUICE,
    reason: str = "",
) -> Promotion:
    return Promotion(
        id=f"p{number}-{at}-{state}",
        version=version(number),
        target=target,
        slot=SLOT,
        uri="",
        state=state,
        requested_by=by,
        requested_at=T0 + timedelta(minutes=at),
        changed_at=T0,
        request_id="r",
        reason=reason,
    )


def held(number: int, at: int = 0, by: Principal = SLUICE) -> Promotion:
    reason = "held by ana since 2026-01-01 00:00 UTC: freeze"
    return promotion(number, "withdrawn", at=at, by=by, reason=reason)


def test_the_newest_passer_is_by_the_registry_s_order_not_by_when_it_passed() -> None:
    rows = [record(3), record(10), record(2)]
    assert newest_passer(rows) == rows[1]
    rows = [record(3), record(10, "failed"), record(11, None), record(12, deleted=True)]
    assert newest_passer(rows) == rows[0]
    assert newest_passer([record(1, "inconclusive")]) is None


@pytest.mark.parametrize("state", STATES)
def test_what_is_there_on_its_way_refused_or_overtaken_is_not_asked_for(state: State) -> None:
    free = {"withdrawn", "expired"}
    assert may_ask([promotion(2, state)], version(2), "production") == (state in free)
    assert may_ask([promotion(2, state, target="staging")], version(2), "production")
    newer = [promotion(3, state)]
    assert may_ask(newer, version(2), "production") == (state not in OPEN | MERGED)
    assert may_ask([promotion(1, state)], version(2), "production"), "an older one is overtaken"


@given(
    st.lists(st.tuples(st.integers(1, 4), st.sampled_from(STATES)), max_size=6), st.integers(1, 4)
)
def test_nothing_automatic_goes_back_or_overrides(
    history: list[tuple[int, State]], number: int
) -> None:
    rows = [promotion(n, state, at=at) for at, (n, state) in enumerate(history)]
    if may_ask(rows, version(number), "production"):
        assert not any(n >= number and state in OPEN | MERGED for n, state in history)
        assert (number, "rejected") not in history


def test_the_newest_wish_that_met_a_hold_is_asked_anew() -> None:
    rows = [held(1, at=1), held(3, at=2), held(2, at=3, by=ANA)]
    assert held_wish(rows, "production") == rows[2], "the newest wish, not the newest version"
    assert held_wish(rows, "staging") is None
    assert held_wish([promotion(1, "withdrawn", reason="deleted")], "production") is None


@pytest.mark.parametrize("state", STATES)
def test_a_wish_that_was_asked_again_since_is_not_asked_a_third_time(state: State) -> None:
    rows = [held(1, at=1), promotion(1, state, at=2)]
    assert held_wish(rows, "production") is None


@pytest.mark.parametrize("state", sorted(OPEN))
def test_nothing_is_asked_anew_beside_what_is_on_its_way(state: State) -> None:
    assert held_wish([held(1, at=1), promotion(2, state, at=0)], "production") is None


def test_a_person_may_decide_the_inconclusive_sluice_may_not() -> None:
    assert still_wanted(held(1), record(1))
    assert not still_wanted(held(1), record(1, "inconclusive"))
    assert still_wanted(held(1, by=ANA), record(1, "inconclusive"))
    for verdict in ("failed", None):
        assert not still_wanted(held(1, by=ANA), record(1, verdict))
    assert not still_wanted(held(1), record(1, deleted=True))
    assert not still_wanted(held(1), None)


def test_a_soak_counts_once_it_was_told_while_the_version_serves() -> None:
    serving = Serving(SLOT, "k", "staging", "s3://1", version(1), True, "p", T0, T0)  # noqa: FBT003
    row = Deadline("soak:k", "soak", T0, "k", version(1), "e", "production", passed=True)
    assert soaked(serving, row) == version(1)
    assert soaked(None, row) is None
    assert soaked(serving, None) is None
    assert soaked(serving, replace(row, passed=False)) is None
    assert soaked(serving, replace(row, lifted=True)) is None
    assert soaked(replace(serving, approved=False), row) is None
    assert soaked(replace(serving, version=version(2)), row) is None
