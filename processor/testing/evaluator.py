"""A runner of gate programs in memory: a test says how each one ends.

Place in the flow: tests hand it to `start_gates` and `sources/gates`; no process is started.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from processor.errors import Unavailable
from processor.values.evaluation import Verdict
from processor.values.job import Ending, Job, LimitFound, Progress


@dataclass
class MemoryEvaluator:
    """Keeps what it is given; `down` is set while nothing can be kept or told."""

    jobs: dict[str, Job] = field(default_factory=dict)
    down: str = ""
    _endings: dict[str, Ending] = field(default_factory=dict)

    async def start(self, job: Job) -> None:
        """Take a job, once. Raises Unavailable."""
        self._check()
        self.jobs.setdefault(job.id, job)

    async def result(self, job_id: str) -> Ending | Progress:
        """Return what a test made of the job. Raises Unavailable."""
        self._check()
        if job_id not in self.jobs:
            return "unknown"
        return self._endings.get(job_id, "running")

    async def limits(self) -> Sequence[LimitFound]:
        """Return that nothing limits what nothing runs."""
        return ()

    def ends(self, job_id: str, ending: Ending) -> None:
        """Let a job end; the first ending is kept."""
        self._endings.setdefault(job_id, ending)

    def answers(
        self, job_id: str, verdict: Verdict, reason: str = "", evidence: Mapping[str, object] = {}
    ) -> None:
        """Let a job end with an answer."""
        said = json.dumps({"verdict": verdict, "reason": reason, "evidence": dict(evidence)})
        self.ends(job_id, Ending(problem="", said=said, complaint="", seconds=1.0, runner="memory"))

    def forget(self, job_id: str) -> None:
        """Lose everything of a job, as when its folder is removed."""
        self.jobs.pop(job_id, None)
        self._endings.pop(job_id, None)

    def _check(self) -> None:
        if self.down:
            raise Unavailable("evaluator", self.down)
