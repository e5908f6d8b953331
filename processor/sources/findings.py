"""What the looks found of each product, put together.

Place in the flow: `schedule` tells it after every look; it reports to `ports/dependencies`. A
product is down for as long as one look says so, so that another look at the same product, which
went well, does not hide it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from processor.errors import Unavailable
from processor.ports.dependencies import Dependencies

LEDGER = "ledger"
"""The product a look at our own tables asks."""


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What each look last complained of, by look and product."""

    dependencies: Dependencies
    _complaints: dict[str, Mapping[str, str]] = field(default_factory=dict, init=False)

    def heard(self, look: str, found: Mapping[str, str]) -> None:
        """Take what one look heard of the products it asked; it replaces what it said before.

        A problem is empty where the product answered. What was not asked is not spoken of.
        """
        before = self._complaints.get(look, {})
        self._complaints[look] = {name: problem for name, problem in found.items() if problem}
        for product in dict.fromkeys((*before, *found)):
            self.dependencies.report(product, self._problem(product))

    def outage(self, outage: Unavailable) -> None:
        """Take that a product is down; whoever next finds that it answers may say so."""
        self.dependencies.report(outage.product, str(outage))

    def _problem(self, product: str) -> str:
        """Return what some look holds against a product."""
        return next(
            (said[product] for said in self._complaints.values() if product in said),
            "",
        )
