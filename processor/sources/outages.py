"""Ask the products that are down whether they answer again.

Place in the flow: a handler may find a forge down when no source has a reason to look at it; its
rows wait for this. What answers is not asked.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from processor.errors import SluiceError
from processor.ports.dependencies import Dependencies


@dataclass(frozen=True, kw_only=True)
class OutagesSource:
    """Looks at what is down; `checks` asks a product by the name it is reported under."""

    checks: Mapping[str, Callable[[], Awaitable[str]]]
    dependencies: Dependencies

    async def look(self) -> Mapping[str, str]:
        """Return how those that were down are now."""
        found: dict[str, str] = {}
        for name, state in self.dependencies.states().items():
            if state.problem and name in self.checks:
                try:
                    await self.checks[name]()
                except SluiceError as problem:
                    found[name] = str(problem)
                else:
                    found[name] = ""
        return found
