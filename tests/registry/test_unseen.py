"""What is undone or overwritten between two looks is not told; what is left of it is."""

import pytest

from tests.registry.operations import Operation
from tests.registry.scenario import Played
from tests.registry.unseen import UNSEEN


@pytest.mark.real
@pytest.mark.parametrize("on", ["SQLite", "PostgreSQL"])
@pytest.mark.parametrize("row", UNSEEN, ids=lambda row: row.name)
def test_only_what_is_left_is_told(on: str, row: Operation, played: Played) -> None:
    scenario = played(on, "between looks", "REST", UNSEEN)
    assert scenario.heard(row) == scenario.expected(row)
    assert scenario.stray == []


def test_some_of_it_is_told_and_some_is_not() -> None:
    assert len({row.slug for row in UNSEEN}) == len(UNSEEN) >= 15
    assert {bool(row.told) for row in UNSEEN} == {True, False}
