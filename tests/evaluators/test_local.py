"""The runner on this machine: a crash, a removed folder, a full disk, a missing limit, a queue."""

import asyncio
import errno
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from processor.adapters.evaluators import local as module
from processor.adapters.evaluators.child import View, launched
from processor.adapters.evaluators.folders import Folders
from processor.adapters.evaluators.limits import NAMES, Limits
from processor.adapters.evaluators.local import LocalEvaluator
from processor.app import checkup
from processor.app.gate_runner import SYSTEM
from processor.errors import Unavailable
from processor.values.job import Ending, Job, LimitFound, job_id
from tests.evaluators.hostile import alive

pytestmark = pytest.mark.real
LAUNCHED = "processor.adapters.evaluators.trial.launched"
SAYS = 'print(\'{"verdict": "passed"}\')'


@dataclass
class Bench:
    """A folder of programs and a runner over it, as often as it is opened."""

    tmp: Path
    mark: str = field(default_factory=lambda: f"gate-{uuid4()}")

    @property
    def jobs(self) -> Path:
        return self.tmp / "jobs"

    @asynccontextmanager
    async def open(
        self, bounds: Limits | None = None, **more: int
    ) -> AsyncIterator[LocalEvaluator]:
        runner = LocalEvaluator(
            folders=Folders(self.jobs),
            bounds=bounds or Limits(),
            view=View(readable=(*SYSTEM, sys.prefix, sys.base_prefix)),
            **more,
        )
        async with runner:
            yield runner

    def job(self, name: str, program: str = SAYS) -> Job:
        folder = self.tmp / "policies"
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
        return Job(
            id=job_id("e", name),
            command=(sys.executable, "-S", "-c", program, self.mark),
            folder=str(folder),
            timeout=60,
            evidence="{}",
        )


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


async def ending(runner: LocalEvaluator, job: Job) -> Ending:
    async with asyncio.timeout(30):
        while not isinstance(found := await runner.result(job.id), Ending):
            assert found == "running"
            await asyncio.sleep(0.05)
    return found


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.02)


async def test_what_had_not_ended_runs_again_after_a_restart_and_leaves_nobody(
    bench: Bench,
) -> None:
    slow = bench.job("slow", f"import time; time.sleep(0.8); {SAYS}")
    async with bench.open() as runner:
        await runner.start(slow)
        await until(lambda: alive(bench.mark) > 0)
    assert alive(bench.mark) == 0, "it outlived its runner"
    async with bench.open() as runner:
        assert await runner.result(slow.id) == "running"
        assert (await ending(runner, slow)).said
    async with bench.open() as runner:
        assert isinstance(await runner.result(slow.id), Ending), "the result outlives us too"
    assert [one.name for one in (bench.jobs / slow.id).iterdir() if one.is_dir()] == []


async def test_a_killed_processor_takes_its_programs_along(bench: Bench) -> None:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        code = 1
        try:
            asyncio.run(_start_and_wait(bench, write))
        finally:
            os._exit(code)
    os.close(write)
    assert await asyncio.to_thread(os.read, read, 1) == b"."
    os.close(read)
    assert alive(bench.mark) > 0
    os.kill(child, 9)
    os.waitpid(child, 0)
    await until(lambda: alive(bench.mark) == 0)
    async with bench.open() as runner:
        assert await runner.result(bench.job("slow").id) == "running", "it is run again"


async def _start_and_wait(bench: Bench, write: int) -> None:
    async with bench.open() as runner:
        await runner.start(bench.job("slow", "import time; time.sleep(40)"))
        while not alive(bench.mark):
            await asyncio.sleep(0.02)
        os.write(write, b".")
        await asyncio.sleep(60)


async def test_a_job_is_on_the_disk_before_start_returns(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real = os.fsync

    def fsync(number: int) -> None:
        synced.append(Path(f"/proc/self/fd/{number}").readlink().name)
        real(number)

    monkeypatch.setattr(os, "fsync", fsync)
    async with bench.open() as runner:
        job = bench.job("a")
        await runner.start(job)
        assert [name.split(".")[1] if "." in name else name for name in synced[:3]] == [
            "spec",
            job.id,
            "jobs",
        ]
        assert Folders(bench.jobs).job(job.id) == job


async def test_a_removed_folder_is_unknown_whether_it_ran_or_runs(bench: Bench) -> None:
    async with bench.open() as runner:
        done, slow = bench.job("done"), bench.job("slow", f"import time; time.sleep(1); {SAYS}")
        await runner.start(done)
        await ending(runner, done)
        await runner.start(slow)
        await until(lambda: alive(bench.mark) > 0)
        for one in bench.jobs.iterdir():
            one.rename(bench.tmp / one.name)
        assert await runner.result(done.id) == "unknown"
        async with asyncio.timeout(30):
            while (found := await runner.result(slow.id)) == "running":
                await asyncio.sleep(0.05)
        assert found == "unknown"


async def test_no_more_run_at_once_than_may_and_all_get_their_turn(bench: Bench) -> None:
    program = f"import time; time.sleep(0.3); {SAYS}"
    jobs = [bench.job(str(number), program) for number in range(6)]
    most = 0
    async with bench.open(parallel=2) as runner:
        for job in jobs:
            await runner.start(job)
        while any([await runner.result(job.id) == "running" for job in jobs]):
            most = max(most, len(list(bench.jobs.glob("*/run-*/scratch"))))
            await asyncio.sleep(0.02)
        assert all([isinstance(await runner.result(job.id), Ending) for job in jobs])
    print(f"at most {most} of {len(jobs)} ran at once")
    assert most == 2


async def test_a_full_disk_is_an_outage_and_what_ended_meanwhile_is_kept(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")

    def no_room(*_: object) -> None:
        raise full

    async with bench.open() as runner:
        with monkeypatch.context() as patched:
            patched.setattr(Folders, "keep", no_room)
            with pytest.raises(Unavailable, match=r"No space left.*evaluator\.local\.path"):
                await runner.start(bench.job("a"))
        job = bench.job("b")
        with monkeypatch.context() as patched:
            patched.setattr(Folders, "finish", no_room)
            await runner.start(job)
            with pytest.raises(Unavailable, match="takes no job"):
                await ending(runner, job)
        found = await ending(runner, job)
        assert found.said
        assert Folders(bench.jobs).ending(job.id) == found


async def test_the_first_result_is_kept(bench: Bench) -> None:
    folders = Folders(bench.jobs)
    job = bench.job("a")
    folders.keep(job)
    first, second = (
        Ending(problem=said, said="", complaint="", seconds=1.0, runner="local")
        for said in ("first", "second")
    )
    folders.finish(job.id, first)
    folders.finish(job.id, second)
    assert folders.ending(job.id) == first


async def test_old_results_go_and_what_is_still_owed_stays(bench: Bench) -> None:
    folders = Folders(bench.jobs)
    assert folders.sweep(0) == 0
    old, new, owed = (bench.job(name) for name in ("old", "new", "owed"))
    done = Ending(problem="", said="", complaint="", seconds=1.0, runner="local")
    for job in (old, new, owed):
        folders.keep(job)
    for job in (old, new):
        folders.finish(job.id, done)
    left = bench.jobs / "run-left-by-a-crash"
    left.mkdir()
    for path in (bench.jobs / old.id / "result.json", bench.jobs / owed.id / "spec.json", left):
        os.utime(path, (1, 1))
    assert folders.sweep(3600) == 2
    assert {one.name for one in bench.jobs.iterdir()} == {new.id, owed.id}


async def test_a_limit_that_is_missing_answers_instead_of_the_program(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = bench.tmp / "policies" / "ran"
    job = bench.job("a", "open('ran', 'w')")

    async def found(*_: object) -> list[LimitFound]:
        return [LimitFound("network", "network off", "unshare: Operation not permitted")]

    monkeypatch.setattr(module, "tried", found)
    async with bench.open() as runner:
        await runner.start(job)
        said = (await ending(runner, job)).problem
    assert said == (
        "the limit network is not available on this machine (unshare: Operation not permitted): "
        "run Sluice where it is, or go without it with evaluator.local.without: [network]"
    )
    assert not ran.exists()


async def answered(runner: LocalEvaluator, job: Job) -> tuple[Ending, list[str]]:
    """Ask until the job has ended, through what keeps the runner from telling; return that, too."""
    met: list[str] = []
    while True:
        try:
            return await ending(runner, job), met
        except Unavailable as outage:
            met.append(str(outage))


@pytest.mark.parametrize("broken", ["a fork", "a file", "the trial's own end"])
async def test_a_trial_that_was_cut_off_condemns_nobody_and_is_made_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    trials: list[int] = []

    async def once(*asked: Any, **how: Any) -> Any:
        trials.append(1)
        if len(trials) > 1:
            return await launched(*asked, **how)
        if broken == "a fork":
            raise OSError(errno.EAGAIN, "Resource temporarily unavailable")
        if broken == "a file":
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")
        return Ending(
            problem="it ran longer than 30 s", said="", complaint="", seconds=30.0, runner="local"
        ), []

    monkeypatch.setattr(LAUNCHED, once)
    async with bench.open() as runner:
        jobs = [bench.job(name) for name in "ab"]
        for job in jobs:
            await runner.start(job)
        found = [await answered(runner, job) for job in jobs]
        assert all("passed" in one.said for one, _ in found), found
        met = [said for _, some in found for said in some]
        assert len(met) == 1
        assert "evaluator: a program cannot be started: its limits cannot be tried: " in met[0]
        await runner.limits()
    print(f"{broken}: {len(trials)} trials, both programs answered")
    assert len(trials) == 2, "one that ran to its end is remembered"


async def test_doctor_hears_that_the_limits_cannot_be_tried(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object, **__: object) -> object:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(LAUNCHED, full)
    async with bench.open() as runner:
        with pytest.raises(Unavailable, match="its limits cannot be tried: Too many open files"):
            await runner.limits()
        outside = SimpleNamespace(evaluator=runner)
        lines = [one async for one in checkup._limits(outside)]  # type: ignore[arg-type]
        monkeypatch.undo()
        assert lines == ["not ok: evaluator: its limits cannot be tried: Too many open files"]
        assert len([one async for one in checkup._limits(outside)]) == len(NAMES)  # type: ignore[arg-type]


async def test_an_ending_that_was_kept_back_is_stored_for_all_who_ask_at_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = bench.job("a")
    async with bench.open() as runner:
        runner.folders.keep(job)
        runner._unkept[job.id] = Ending(
            problem="", said="{}", complaint="", seconds=0.1, runner="local"
        )
        real = Folders.finish

        def slowly(folders: Folders, job_id: str, said: Ending) -> None:
            time.sleep(0.05)  # both are under way before either is done
            real(folders, job_id, said)

        monkeypatch.setattr(Folders, "finish", slowly)
        found = await asyncio.gather(*(runner.result(job.id) for _ in range(3)), runner.start(job))
    assert [one.said for one in found[:3] if isinstance(one, Ending)] == ["{}"] * 3


async def test_this_machine_is_tried_limit_by_limit(bench: Bench) -> None:
    async with bench.open() as runner:
        found = await runner.limits()
        assert [one.name for one in found] == list(NAMES)
        print({one.name: one.problem or "enforced" for one in found})
        assert await runner.limits() is found, "once"


async def test_a_wall_that_does_not_stand_is_found_out(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control of the trial: the launcher is told to leave each limit out, and it notices."""
    async with bench.open() as runner:
        able = {one.name for one in await runner.limits() if not one.problem}
    real = Limits.orders
    for name in sorted(able - {"files"}):

        def orders(limits: Limits, timeout: float, gone: str = name) -> dict[str, float | bool]:
            return {key: one for key, one in real(limits, timeout).items() if key != gone}

        monkeypatch.setattr(Limits, "orders", orders)
        async with bench.open() as runner:
            problems = {one.name: one.problem for one in await runner.limits()}
        assert problems[name] == "tried, and nothing stopped it", name
    print(f"found out: {sorted(able - {'files'})}")


async def test_closing_waits_for_what_it_ends(bench: Bench) -> None:
    async with AsyncExitStack() as stack:
        runner = await stack.enter_async_context(bench.open())
        for number in range(3):
            await runner.start(bench.job(str(number), "import time; time.sleep(40)"))
        await until(lambda: alive(bench.mark) > 0)
    assert alive(bench.mark) == 0


WITHOUT_NAMESPACES = """
import asyncio, json, sys
from pathlib import Path
from processor.adapters.evaluators import walls
from processor.adapters.evaluators.child import View, launched
from processor.adapters.evaluators.limits import Limits
from processor.adapters.evaluators.trial import tried
walls.own_users()
walls.forbid_namespaces()
found = asyncio.run(tried(Limits(), View(), Path(sys.argv[1])))
print(json.dumps({one.name: one.problem for one in found}))
"""


def test_a_machine_that_lets_nobody_build_walls_says_so_wall_by_wall(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT_NAMESPACES, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    problems = json.loads(ran.stdout)
    print({name: problem or "enforced" for name, problem in problems.items()})
    for name in ("network", "files", "children"):
        assert problems[name].startswith("unshare: "), problems
    for name in ("cpu", "memory", "descriptors", "scratch"):
        assert problems[name] == ""
