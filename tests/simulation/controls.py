"""What R2's controls run without, one guard at a time: each must then lose or double something.

Place in the flow: `test_r2` runs the same seeds with these and prints their losses beside ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from tests.drills.guards import without as ledger_without
from tests.simulation.runs import Guards
from tests.simulation.wire import ROUGH

_PATIENCE = 400.0  # virtual seconds until what is stuck counts as lost: it is, soon enough
CONTROLS = (
    "dedupe off",
    "retry at once",
    "settle before acting",
    "later than promised",
    "no inbox",
)


@dataclass(frozen=True)
class Blind:
    """A wire through which we never find what we made before."""

    wire: Any

    def __getattr__(self, name: str) -> Any:
        if name == "created_by":
            return self._none
        if name == "find":
            return self._nothing
        return getattr(self.wire, name)

    async def _none(self, *_: object) -> None:
        return None

    async def _nothing(self, *_: object) -> Sequence[object]:
        return ()


def without(name: str) -> Guards:
    """Return the guards with one of them off."""
    match name:
        case "dedupe off":
            return Guards(
                patience=_PATIENCE,
                part=lambda product, wire: Blind(wire) if product != "log" else wire,
                over=lambda ledger: ledger_without("memory", ledger),
            )
        case "retry at once":
            at_once = {"registry": 0.0, "forge local": 0.0}
            return Guards(patience=_PATIENCE, settings=lambda plan: replace(plan, quiet=at_once))
        case "settle before acting":
            return Guards(patience=_PATIENCE, over=lambda ledger: ledger_without("settle", ledger))
        case "later than promised":
            return Guards(patience=_PATIENCE, faults=replace(ROUGH, lateness=4.0))
        case _:
            return Guards(
                patience=_PATIENCE, settings=lambda plan: replace(plan, answers_first=True)
            )
