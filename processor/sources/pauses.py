"""Is somebody keeping our writes back?

Place in the flow: `pause` and `resume` are rows of a view that every process over the ledger
shares. This makes them states beside the products, and the rows that waited go on when it is over.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from processor.ports.dependencies import Dependencies
from processor.ports.views import Views
from processor.sources.findings import LEDGER
from processor.values.pause import Pause


@dataclass(frozen=True, kw_only=True)
class PausesSource:
    """Looks at every pause there has been."""

    views: Views
    dependencies: Dependencies

    async def look(self) -> Mapping[str, str]:
        """Report how the writes stand; return that the ledger answered."""
        for pause in await self.views.find(Pause):
            problem = "" if pause.ended else pause.problem
            self.dependencies.report(pause.product, problem, by="pauses")
        return {LEDGER: ""}
