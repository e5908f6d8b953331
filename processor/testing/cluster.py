"""A cluster in memory.

Place in the flow: tests hand it to `sources/rollouts`; it shows what they put in, and is down
when they say so.
"""

import json
from dataclasses import dataclass, field, replace

from processor.errors import Unavailable
from processor.values.serving import Observation, Workload


@dataclass(kw_only=True)
class MemoryCluster:
    """A `ClusterReader`; `down` is the reason it does not answer, empty while it does."""

    name: str = "memory"
    down: str = ""
    looks: int = 0
    _workloads: dict[Workload, Observation] = field(default_factory=dict)

    def apply(self, workload: Workload, uri: str | None) -> None:
        """Tell it to run a URI, as a GitOps controller does; what served goes on serving."""
        now = self._workloads.get(workload, Observation(workload, None, None))
        self._workloads[workload] = replace(now, applied_uri=uri, problem="")

    def serve(self, workload: Workload, prediction: str = '{"predictions": [1]}') -> None:
        """Let what was applied last answer predictions from now on."""
        now = self._workloads[workload]
        json.loads(prediction)
        self._workloads[workload] = replace(
            now,
            serving_uri=now.applied_uri,
            endpoint=f"http://{self.name}.invalid/{workload.name}",
            prediction=prediction,
            problem="",
        )

    def fail(self, workload: Workload, problem: str, *, silent: bool = False) -> None:
        """Let what was applied not come up; `silent`: nothing answers any more either."""
        now = replace(self._workloads[workload], problem=problem)
        if silent:
            now = replace(now, serving_uri=None, prediction=None)
        self._workloads[workload] = now

    async def observe(self, workload: Workload) -> Observation:
        """Show what was put in. Raises Unavailable while down."""
        self._answer()
        self.looks += 1
        key = f"{workload.kind}/{workload.namespace}/{workload.name}"
        missing = Observation(workload, None, None, problem=f"there is no {key} in the cluster")
        return self._workloads.get(workload, missing)

    async def check(self) -> str:
        """Return one line. Raises Unavailable while down."""
        self._answer()
        return f"cluster in memory: {len(self._workloads)} workload(s)"

    def _answer(self) -> None:
        """Be down when told to."""
        if self.down:
            raise Unavailable(f"cluster {self.name}", self.down)
