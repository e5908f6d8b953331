"""What every runner of gate programs promises: the one in memory, and the one with processes."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from processor.adapters.evaluators.child import View
from processor.adapters.evaluators.folders import Folders
from processor.adapters.evaluators.limits import Limits
from processor.adapters.evaluators.local import LocalEvaluator
from processor.app.gate_runner import SYSTEM
from processor.ports.evaluator import Evaluator
from processor.testing.evaluator import MemoryEvaluator
from processor.values.job import Ending, Job, job_id

PASSES = """
import json, sys, time
evidence = json.load(sys.stdin)
with open(sys.argv[1], 'a') as file: file.write('.')
while not open(sys.argv[2]).read(): time.sleep(0.02)
print(json.dumps({"verdict": "passed", "reason": evidence["gate"]}))
"""


@dataclass
class Runner:
    """One runner; `over` lets its jobs end, `ran` says how often one was run."""

    evaluator: Evaluator
    folder: Path

    def job(self, name: str, gate: str = "bias") -> Job:
        (self.folder / f"{name}.ran").touch()
        (self.folder / f"{name}.over").touch()
        (self.folder / "gate.py").write_text(PASSES)
        command = (sys.executable, "-S", "gate.py", f"{name}.ran", f"{name}.over")
        evidence = f'{{"gate": "{gate}"}}'
        return Job(
            id=job_id("e", name),
            command=command,
            folder=str(self.folder),
            timeout=30,
            evidence=evidence,
        )

    def over(self, name: str, job: Job) -> None:
        (self.folder / f"{name}.over").write_text("now")
        if isinstance(self.evaluator, MemoryEvaluator):
            gate = job.evidence.split('"')[3]
            self.evaluator.answers(job.id, "passed", gate)

    def ran(self, name: str) -> int:
        return len((self.folder / f"{name}.ran").read_text())

    async def ending(self, job_id: str) -> Ending:
        async with asyncio.timeout(30):
            while not isinstance(found := await self.evaluator.result(job_id), Ending):
                assert found == "running"
                await asyncio.sleep(0.02)
        return found


@pytest.fixture(params=["memory", pytest.param("local", marks=pytest.mark.real)])
async def runner(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Runner]:
    folder = tmp_path / "policies"
    folder.mkdir()
    if request.param == "memory":
        yield Runner(MemoryEvaluator(), folder)
        return
    async with AsyncExitStack() as stack:
        local = LocalEvaluator(
            folders=Folders(tmp_path / "jobs"),
            bounds=Limits(without=frozenset({"files", "processes"})),  # so that it may write here
            view=View(readable=(*SYSTEM, sys.prefix, sys.base_prefix)),
        )
        yield Runner(await stack.enter_async_context(local), folder)


async def test_a_job_runs_and_its_end_stays(runner: Runner) -> None:
    job = runner.job("a")
    assert await runner.evaluator.result(job.id) == "unknown"
    await runner.evaluator.start(job)
    assert await runner.evaluator.result(job.id) == "running"
    runner.over("a", job)
    ending = await runner.ending(job.id)
    assert ending.problem == ""
    assert json.loads(ending.said)["verdict"] == "passed"
    assert await runner.evaluator.result(job.id) == ending


async def test_starting_again_is_not_starting_anew(runner: Runner) -> None:
    job = runner.job("a")
    for again in ("bias", "other", "other"):
        await runner.evaluator.start(runner.job("a", again))
    runner.over("a", job)
    ending = await runner.ending(job.id)
    await runner.evaluator.start(runner.job("a", "late"))
    assert await runner.ending(job.id) == ending
    assert '"bias"' in ending.said
    assert isinstance(runner.evaluator, MemoryEvaluator) or runner.ran("a") == 1


async def test_jobs_do_not_know_each_other(runner: Runner) -> None:
    first, second = runner.job("a", "one"), runner.job("b", "two")
    await runner.evaluator.start(first)
    await runner.evaluator.start(second)
    runner.over("b", second)
    assert '"two"' in (await runner.ending(second.id)).said
    assert await runner.evaluator.result(first.id) == "running"
    runner.over("a", first)
    assert '"one"' in (await runner.ending(first.id)).said


async def test_limits_are_named_once(runner: Runner) -> None:
    names = [one.name for one in await runner.evaluator.limits()]
    assert len(set(names)) == len(names)
