"""Running the programs that answer slow gates.

Place in the flow: `start_gates` starts jobs, `sources/gates` asks what became of them; nobody
waits. A job is pure: it may be run again after a crash, and the first result is kept.
"""

from collections.abc import Sequence
from typing import Protocol

from processor.values.job import Ending, Job, LimitFound, Progress


class Evaluator(Protocol):
    """A runner of jobs. Raises Unavailable when it cannot keep what it is given."""

    async def start(self, job: Job) -> None:
        """Take a job and return; once this returned, the job outlives a crash.

        A job whose id is known already is not started again, whatever else differs.
        """
        ...

    async def result(self, job_id: str) -> Ending | Progress:
        """Return how a job ended, or how it stands; an unfinished one goes on after a restart."""
        ...

    async def limits(self) -> Sequence[LimitFound]:
        """Return every limit jobs run under, tried on this machine; for `doctor`.

        Raises Unavailable when they cannot be tried just now.
        """
        ...
