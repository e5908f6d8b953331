"""Every change of a real registry is told, exactly: by any door, while we run or were down."""

import pytest

from tests.registry.doors import DoorName
from tests.registry.operations import OPERATIONS, SIXTEEN, Operation
from tests.registry.scenario import Played, When

CASES = 160  # 2 databases x 2 doors x running or down x 16, and by REST on the old one

Place = tuple[str, When, DoorName]


def places() -> list[Place]:
    """Return where, when and through which door."""
    found: list[Place] = []
    for when in ("running", "down"):
        for on in ("SQLite", "PostgreSQL"):
            found += [(on, when, "REST"), (on, when, "database")]
        found.append(("MLflow 2.11.3", when, "REST"))
    return found


CASES_AND_BEYOND = [
    pytest.param(place, row, id=f"{' '.join(place)}: {row.name}")
    for place in places()
    for row in OPERATIONS
]


@pytest.mark.real
@pytest.mark.parametrize(("place", "row"), CASES_AND_BEYOND)
def test_a_change_is_told_exactly(place: Place, row: Operation, played: Played) -> None:
    scenario = played(*place, OPERATIONS)
    assert scenario.heard(row) == scenario.expected(row)


@pytest.mark.real
@pytest.mark.parametrize("place", places(), ids=" ".join)
def test_nothing_is_told_of_neighbours(place: Place, played: Played) -> None:
    assert played(*place, OPERATIONS).stray == []


def test_the_table_has_every_case_it_is_meant_to_have() -> None:
    assert len(SIXTEEN) == 16
    assert len({one.name for one in OPERATIONS}) == len(OPERATIONS)
    assert len(places()) * len(SIXTEEN) == CASES
    assert len(CASES_AND_BEYOND) == len(places()) * len(OPERATIONS)
