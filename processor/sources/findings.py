"""What each look found of the products it asked, passed on as that look's word.

Place in the flow: `schedule` tells it after every look; it reports to `ports/dependencies`, which
puts the words of all looks together.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from processor.errors import Unavailable
from processor.ports.dependencies import Dependencies

LEDGER = "ledger"
"""The product a look at our own tables asks."""


@dataclass(frozen=True, kw_only=True)
class Findings:
    """Remembers what each look last complained of, so that it can take it back."""

    dependencies: Dependencies
    _complained: dict[str, tuple[str, ...]] = field(default_factory=dict, init=False)

    def heard(self, look: str, found: Mapping[str, str]) -> None:
        """Take what one look heard of the products it asked; it replaces what it said before.

        A problem is empty where the product answered. What was not asked is not spoken of.
        """
        before = self._complained.get(look, ())
        self._complained[look] = tuple(name for name, problem in found.items() if problem)
        for product in dict.fromkeys((*before, *found)):
            self.dependencies.report(product, found.get(product, ""), by=look)

    def outage(self, outage: Unavailable) -> None:
        """Take that a product is down; whoever next finds that it answers may say so."""
        self.dependencies.report(outage.product, str(outage))
