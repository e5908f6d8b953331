"""The promotion's table: every state is reached, ends stay ends, and late facts change nothing."""

from typing import get_args

import pytest

from processor.events import CATALOG
from processor.rules.promotion import ENDED, MERGED, NEW, OPEN, TABLE, after
from processor.values.promotion import State

STATES: frozenset[State] = frozenset(get_args(State))
KINDS = [kind.kind for kind in CATALOG]


def reached() -> set[str]:
    """Return every state some sequence of facts leads to."""
    found: set[str] = {NEW}
    while more := {to for (state, _), to in TABLE.items() if state in found and to not in found}:
        found |= more
    return found - {NEW}


def test_every_state_the_table_names_is_reached_from_a_request() -> None:
    assert reached() == set(TABLE.values())
    assert reached() == STATES


def test_every_fact_of_the_table_is_an_event_there_is() -> None:
    assert {kind for _, kind in TABLE} <= set(KINDS)


def test_every_state_is_open_merged_or_ended_and_only_one_of_them() -> None:
    assert OPEN | MERGED | ENDED == STATES
    assert len(OPEN) + len(MERGED) + len(ENDED) == len(STATES)


@pytest.mark.parametrize("state", sorted(ENDED))
def test_an_end_has_no_way_out(state: State) -> None:
    assert [kind for kind in KINDS if after(state, kind) is not None] == []


def test_what_is_decided_is_never_open_again() -> None:
    ways_back = {
        (state, kind): to for (state, kind), to in TABLE.items() if state not in {NEW, *OPEN}
    }
    assert set(ways_back.values()) & OPEN == set()
    assert {state for state, _ in ways_back} == MERGED


def test_only_a_merge_leads_to_what_is_merged_and_only_a_proposal_is_merged() -> None:
    into = {
        (state, kind) for (state, kind), to in TABLE.items() if to in MERGED and state not in MERGED
    }
    assert into == {("proposed", "promotion.approved"), ("proposed", "promotion.bypassed")}


def test_a_bypassed_merge_never_becomes_approved_by_serving() -> None:
    assert [(kind, to) for (state, kind), to in TABLE.items() if state == "bypassed"] == [
        ("rollout.superseded", "superseded")
    ]


@pytest.mark.parametrize("state", [None, *sorted(STATES)])
def test_a_fact_without_a_row_changes_nothing(state: State | None) -> None:
    rows = {kind for here, kind in TABLE if here == (state or NEW)}
    assert {kind for kind in KINDS if after(state, kind) is not None} == rows
    assert after(state, "something.else") is None
    for kind in rows:
        to = after(state, kind)
        assert to is not None
        if kind == "promotion.updated":
            assert to == state, "a push decides nothing"
            continue
        assert to != state, "a row leads somewhere"
        assert after(to, kind) is None, "the same fact twice is the fact once"
