"""One run of one gate's program, behind its walls, from its start to its end.

Place in the flow: `local` runs jobs with it, `trial` tries the walls with it. The program reads
the evidence on its standard input; what it prints is bounded; everything that can happen to it is
told in a sentence that names the fix.
"""

import asyncio
import json
import os
import re
import signal
import sys
import time
from asyncio import StreamReader, StreamWriter
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import processor
from processor.adapters.evaluators.limits import Limits, size
from processor.values.job import Ending

RUNNER = "local"
_START = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); "
    "from processor.adapters.evaluators.launcher import main; main()"
)
_PACKAGE = str(Path(processor.__file__).resolve().parent.parent)
_SLACK = 10.0  # seconds the launcher may take beyond a program's timeout
_KEPT = 4096  # bytes of standard error
_NO_MEMORY = re.compile(r"MemoryError|bad_alloc|[Cc]annot allocate memory|Unable to allocate")

Cut = Callable[[], None]
"""Ends the launcher and all it started."""


@dataclass(frozen=True, kw_only=True)
class View:
    """What a program may see: names of folders and files, and those it may not, all absolute.

    `environment` is all it gets; `scratch` is its home where it has no file system of its own.
    """

    readable: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Program:
    """What is to be run: `place` is an empty folder of ours, `folder` where it begins."""

    command: tuple[str, ...]
    folder: str
    timeout: float
    evidence: str
    place: Path


@dataclass
class _Seen:
    """What came out of it, as far as it is kept."""

    said: bytearray = field(default_factory=bytearray)
    complaint: bytearray = field(default_factory=bytearray)
    flooded: bool = False


async def run(program: Program, limits: Limits, view: View) -> Ending:
    """Run a program to its end. Cancelled, it is gone before this returns."""
    ending, _ = await launched(program, limits, view, trial=False)
    return ending


async def launched(
    program: Program, limits: Limits, view: View, *, trial: bool
) -> tuple[Ending, Sequence[Mapping[str, Any]]]:
    """Run a program; return its end and all the launcher told. A trial goes on without a wall."""
    began = time.monotonic()
    seen = _Seen()
    async with _started(_orders(program, limits, view, trial=trial)) as (process, told, cut):
        streams = [
            asyncio.create_task(_feed(process, program.evidence.encode())),
            asyncio.create_task(_listen(process, seen, limits.output, cut)),
            asyncio.create_task(_overhear(process, seen, limits.output, cut)),
        ]
        try:
            async with asyncio.timeout(program.timeout + _SLACK):
                await process.wait()
        except TimeoutError:
            cut()
        finally:
            await _ended(process, cut)
            _, late = await asyncio.wait(streams, timeout=1.0)
            for stream in late:  # something it left behind holds the other end
                stream.cancel()
            await asyncio.gather(*streams, return_exceptions=True)
        words = _words(told)
    return Ending(
        problem=_problem(words, seen, program, limits),
        said="" if seen.flooded else seen.said.decode(errors="replace"),
        complaint=seen.complaint.decode(errors="replace"),
        seconds=next((one["seconds"] for one in words if "seconds" in one), None)
        or round(time.monotonic() - began, 3),
        runner=RUNNER,
    ), words


def _orders(program: Program, limits: Limits, view: View, *, trial: bool) -> Mapping[str, object]:
    """Return what the launcher is told."""
    root = program.place / "root"
    home = program.place / "scratch"
    for folder in (root, home):
        folder.mkdir(exist_ok=True)
    return {
        "trial": trial,
        "command": program.command,
        "folder": program.folder,
        "limits": limits.orders(program.timeout),
        "environment": {"HOME": str(home), "TMPDIR": str(home), **view.environment},
        "view": {
            "root": str(root),
            "readable": [program.folder, *view.readable],
            "hidden": [str(Path(one).resolve()) for one in view.hidden],
        },
    }


@asynccontextmanager
async def _started(orders: Mapping[str, object]) -> AsyncIterator[tuple[Process, int, Cut]]:
    """Start the launcher; yield it, what it tells on, and how to end it and all it started."""
    orders_read, lifeline = os.pipe()
    told, telling = os.pipe()
    os.set_blocking(told, False)
    held = [lifeline]

    def cut() -> None:
        while held:
            os.close(held.pop())

    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-I", "-S", "-c", _START, _PACKAGE, str(orders_read), str(telling)),
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env={},
            pass_fds=(orders_read, telling),
            start_new_session=True,
        )
        os.close(orders_read)
        orders_read = -1
        with suppress(BrokenPipeError):
            os.write(lifeline, json.dumps(orders).encode() + b"\n")
        yield process, told, cut
    finally:
        cut()
        for number in (orders_read, told, telling):
            if number >= 0:
                os.close(number)


async def _ended(process: Process, cut: Cut) -> None:
    """See to it that nothing runs any more, also when we are cancelled meanwhile."""
    cut()
    with suppress(TimeoutError):
        await asyncio.wait_for(asyncio.shield(process.wait()), 5.0)
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def _feed(process: Process, evidence: bytes) -> None:
    """Write the evidence; a program need not read it."""
    stdin = cast(StreamWriter, process.stdin)
    with suppress(BrokenPipeError, ConnectionResetError):
        stdin.write(evidence)
        await stdin.drain()
    stdin.close()
    with suppress(BrokenPipeError, ConnectionResetError):
        await stdin.wait_closed()


async def _listen(process: Process, seen: _Seen, most: int, cut: Cut) -> None:
    """Keep what it prints, and end it when that is too much."""
    stdout = cast(StreamReader, process.stdout)
    while more := await stdout.read(65536):
        if len(seen.said) + len(more) > most:
            seen.flooded = True
            cut()
        if not seen.flooded:
            seen.said += more


async def _overhear(process: Process, seen: _Seen, most: int, cut: Cut) -> None:
    """Keep the end of what it complains of, and end it when that is too much."""
    stderr, total = cast(StreamReader, process.stderr), 0
    while more := await stderr.read(65536):
        total += len(more)
        seen.complaint[:] = (seen.complaint + more)[-_KEPT:]
        if total > most:
            seen.flooded = True
            cut()


def _words(told: int) -> Sequence[Mapping[str, Any]]:
    """Return what the launcher told."""
    text = b""
    with suppress(BlockingIOError):
        while more := os.read(told, 65536):
            text += more
    return [json.loads(line) for line in text.splitlines()]


def _problem(
    words: Sequence[Mapping[str, Any]], seen: _Seen, program: Program, limits: Limits
) -> str:
    """Return why there is no answer, with the fix; empty: it ended well."""
    if seen.flooded:
        return (
            f"it printed more than {size(limits.output)} and was stopped: print only the answer, "
            "or raise evaluator.local.output"
        )
    for one in words:
        if "limit" in one:
            return missing(one["limit"], one["problem"])
        if "cannot" in one:
            return (
                f"{program.command[0]} cannot be started in {program.folder}: {one['cannot']}; "
                "what it needs is beside the policy file or under evaluator.local.readable"
            )
    end = next((one for one in words if "ended" in one), None)
    if end is None:
        return "its launcher broke: see its last words, and ask again with sluice evaluate"
    return _over(end, program, limits) or _exit(end, seen)


def missing(limit: str, problem: str) -> str:
    """Return that a limit is not enforced here, and how to go without it."""
    return (
        f"the limit {limit} is not available on this machine ({problem}): run Sluice where it is, "
        f"or go without it with evaluator.local.without: [{limit}]"
    )


def _over(end: Mapping[str, Any], program: Program, limits: Limits) -> str:
    """Return which limit it broke, empty when none."""
    code, why = end["code"], end["ended"]
    killed = code == -signal.SIGKILL and end["cpu"] >= limits.cpu
    if why == "cpu" or code == -signal.SIGXCPU or (killed and "cpu" not in limits.without):
        return (
            f"it used more than {limits.cpu:g} s of processor time and was stopped: make it "
            "cheaper, or raise evaluator.local.cpu"
        )
    if code == -signal.SIGXFSZ:
        return (
            f"it wrote a file of more than {size(limits.scratch)} and was stopped: write less, "
            "or raise evaluator.local.scratch"
        )
    return {
        "time": f"it ran longer than its timeout of {program.timeout:g} s and was stopped: make "
        "it quicker, or raise the gate's timeout",
        "memory": f"it took more than {size(limits.memory)} of memory and was stopped: make it "
        "leaner, or raise evaluator.local.memory",
        "cut": f"it did not end {_SLACK:g} s after its timeout: ask again with sluice evaluate",
    }.get(why, "")


def _exit(end: Mapping[str, Any], seen: _Seen) -> str:
    """Return how it ended by itself, empty when well."""
    code = end["code"]
    if code == 0:
        return ""
    hint = ""
    if _NO_MEMORY.search(seen.complaint.decode(errors="replace")):
        hint = ", out of memory (evaluator.local.memory)"
    if code < 0:
        return f"it was killed by {signal.Signals(-code).name}{hint}: run it by hand to see why"
    return f"it ended with exit code {code}{hint}: it should print its verdict and end with 0"
