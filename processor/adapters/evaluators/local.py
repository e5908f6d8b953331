"""Gate programs as children of this process, a few at once, the rest in a queue.

Place in the flow: the Evaluator of a Sluice that runs by itself. A job is a folder that outlives a
crash; one that had not ended is run again when it is next asked for, which `sources/gates` does
for every gate an evaluation still waits for. Nothing a job does is told to anybody but its asker.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from processor import log
from processor.adapters.evaluators.child import RUNNER, Program, View, missing, run
from processor.adapters.evaluators.folders import Folders
from processor.adapters.evaluators.limits import Limits
from processor.adapters.evaluators.trial import tried
from processor.errors import Unavailable
from processor.values.job import Ending, Job, LimitFound, Progress

_KEPT = 30 * 86400.0  # seconds a finished job's folder stays
_SWEEP = 3600.0  # seconds between looks for old ones


@dataclass(kw_only=True)
class LocalEvaluator:
    """An `Evaluator`, open while its `async with` lasts; `parallel` programs run at once."""

    folders: Folders
    bounds: Limits
    view: View
    parallel: int = 2
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict, init=False)
    _unkept: dict[str, Ending] = field(default_factory=dict, init=False)
    _trouble: str = field(default="", init=False)
    _found: Sequence[LimitFound] = field(default=(), init=False)
    _swept: float = field(default=-_SWEEP, init=False)
    _trying: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    def __post_init__(self) -> None:
        """Make room for as many as may run at once."""
        self._turns = asyncio.Semaphore(self.parallel)

    async def __aenter__(self) -> Self:
        """Be ready; nothing is started before somebody asks."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End every program; what had not finished is run again by the next process."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def start(self, job: Job) -> None:
        """Take a job, once; it is on the disk when this returns. Raises Unavailable."""
        try:
            await asyncio.to_thread(self.folders.keep, job)
        except OSError as problem:
            raise self._full(problem) from problem
        await self._sweep()
        if job.id not in self._tasks and await self._ending(job.id) is None:
            self._go(job)

    async def result(self, job_id: str) -> Ending | Progress:
        """Return how a job ended, or how it stands. Raises Unavailable."""
        if job_id in self._tasks:
            return "running"
        if ending := await self._ending(job_id):
            return ending
        job = await asyncio.to_thread(self.folders.job, job_id)
        if job is None:
            return "unknown"
        self._go(job)
        if self._trouble:
            trouble, self._trouble = self._trouble, ""
            raise Unavailable("evaluator", trouble)
        return "running"

    async def limits(self) -> Sequence[LimitFound]:
        """Return every limit, tried on this machine the first time somebody asks.

        Raises Unavailable when they cannot be tried just now; the next one who asks tries again.
        """
        try:
            return await self._limits()
        except OSError as problem:
            raise Unavailable("evaluator", str(problem)) from problem

    async def _limits(self) -> Sequence[LimitFound]:
        """Return every limit; only a trial that ran to its end is remembered. Raises OSError."""
        async with self._trying:
            if not self._found:
                try:
                    with self.folders.place() as place:
                        self._found = await tried(self.bounds, self.view, place)
                except OSError as problem:
                    said = f"its limits cannot be tried: {problem.strerror or problem}"
                    raise OSError(said) from problem
                for one in self._found:
                    if one.problem:
                        log.warn("evaluator.limit_missing", limit=one.name, reason=one.problem)
            return self._found

    async def _ending(self, job_id: str) -> Ending | None:
        """Return how a job ended; one whose result could not be stored is stored now."""
        if ending := self._unkept.get(job_id):
            try:
                await asyncio.to_thread(self.folders.finish, job_id, ending)
            except FileNotFoundError:
                self._unkept.pop(job_id, None)  # its folder was removed
                return None
            except OSError as problem:
                raise self._full(problem) from problem
            # Whoever asked at the same moment may have stored it, too.
            self._unkept.pop(job_id, None)
        return await asyncio.to_thread(self.folders.ending, job_id)

    def _go(self, job: Job) -> None:
        """Run a job in its turn."""
        if job.id not in self._tasks:
            task = asyncio.create_task(self._run(job), name=f"gate {job.id}")
            self._tasks[job.id] = task
            task.add_done_callback(lambda _: self._tasks.pop(job.id, None))

    async def _run(self, job: Job) -> None:
        """Wait for a turn, run the program, keep how it ended."""
        async with self._turns:
            try:
                ending = await self._judged(job)
            except OSError as problem:
                if await asyncio.to_thread(self.folders.job, job.id) is None:
                    log.warn("gate.lost", job=job.id, reason="the runner's folder was removed")
                else:
                    self._trouble = f"a program cannot be started: {problem}"
                return
        self._unkept[job.id] = ending
        try:
            await self._ending(job.id)
        except Unavailable as full:
            log.warn("gate.unkept", job=job.id, reason=str(full))

    async def _judged(self, job: Job) -> Ending:
        """Run the program behind its walls, or not at all where one of them does not stand."""
        for limit in await self._limits():
            if limit.problem:
                said = missing(limit.name, limit.problem)
                return Ending(problem=said, said="", complaint="", seconds=0.0, runner=RUNNER)
        with self.folders.place(job.id) as place:
            program = Program(
                command=job.command,
                folder=job.folder,
                timeout=job.timeout,
                evidence=job.evidence,
                place=place,
            )
            return await run(program, self.bounds, self.view)

    async def _sweep(self) -> None:
        """Remove old folders now and then."""
        if time.monotonic() - self._swept >= _SWEEP:
            self._swept = time.monotonic()
            await asyncio.to_thread(self.folders.sweep, _KEPT)

    def _full(self, problem: OSError) -> Unavailable:
        """Return that the disk is in the way."""
        return Unavailable(
            "evaluator",
            f"{self.folders.top} takes no job: {problem.strerror or problem}; "
            "make room there, or set evaluator.local.path",
        )
