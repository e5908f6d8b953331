"""Looking at what serves.

Place in the flow: `sources/rollouts` alone holds it.
"""

from typing import Protocol

from processor.values.serving import Observation, Workload


class ClusterReader(Protocol):
    """One cluster, to look at."""

    async def observe(self, workload: Workload) -> Observation:
        """Look once: what was applied, and what answers a real prediction right now."""
        ...

    async def check(self) -> str:
        """Return one line for `doctor`: what answers and which version. Raises Unavailable."""
        ...
