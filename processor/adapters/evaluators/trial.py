"""Which limits does this machine enforce? Tried, not believed.

Place in the flow: `local` asks once before its first job, `doctor` prints the answer. A program of
ours does behind the walls what each of them should prevent; what it manages to do is not enforced.
"""

import json
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from processor.adapters.evaluators.child import Program, View, launched
from processor.adapters.evaluators.limits import NAMES, Limits
from processor.values.job import LimitFound, LimitName

_MB = 1024 * 1024
_SMALL = Limits(cpu=5.0, memory=256 * _MB, scratch=_MB, processes=16, descriptors=32)
"""Stands in for the configured limits, so that breaking them costs little."""

_SECONDS = 30.0

_DEEDS = r"""
import errno, json, os, resource, socket, sys

def managed(deed):
    try:
        deed()
        return True
    except (OSError, MemoryError):
        return False

def network():
    socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=2).close()

def files():
    open(sys.argv[2]).close()

def memory():
    return len(bytearray(2 * int(sys.argv[3])))

def scratch():
    with open(os.path.join(os.environ["TMPDIR"], "full"), "wb") as file:
        for _ in range(2 * int(sys.argv[4]) // 65536):
            file.write(bytes(65536))

def descriptors():
    kept = []
    try:
        for _ in range(2 * int(sys.argv[5])):
            kept.append(os.open(os.devnull, os.O_RDONLY))
    finally:
        for number in kept:
            os.close(number)

def processes():
    read, write = os.pipe()
    children = []
    try:
        for _ in range(2 * int(sys.argv[6])):
            child = os.fork()
            if child == 0:
                os.close(write)
                os.read(read, 1)
                os._exit(0)
            children.append(child)
    finally:
        os.close(write)
        for child in children:
            os.waitpid(child, 0)

def cpu():
    if resource.getrlimit(resource.RLIMIT_CPU)[0] == resource.RLIM_INFINITY:
        return
    raise OSError

def children():
    if os.getppid() != 1 or len([name for name in os.listdir("/proc") if name.isdecimal()]) > 3:
        return
    raise OSError

import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
deeds = (network, files, children, cpu, memory, processes, descriptors, scratch)
print(json.dumps([deed.__name__ for deed in deeds if managed(deed)]))
"""


async def tried(limits: Limits, view: View, place: Path) -> Sequence[LimitFound]:
    """Return every limit with what keeps it from being enforced here.

    `place` is an empty folder of ours. Raises OSError when the trial did not come to its end: a
    machine that is full or busy just now says nothing about its limits.
    """
    secret = place / "secret"
    secret.write_text("read by nobody\n", encoding="ascii")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        numbers = (
            listener.getsockname()[1],
            secret,
            *(_SMALL.memory, _SMALL.scratch, _SMALL.descriptors, _SMALL.processes),
        )
        program = Program(
            command=(sys.executable, "-I", "-S", "-c", _DEEDS, *map(str, numbers)),
            folder=sys.base_prefix,  # any that is there for everybody
            timeout=_SECONDS,
            evidence="",
            place=place,
        )
        hiding = replace(view, hidden=(*view.hidden, str(secret)))
        small = replace(_SMALL, without=limits.without)
        ending, words = await launched(program, small, hiding, trial=True)
    done = _done(ending.said)
    if done is None:
        last = ending.complaint.strip().rpartition("\n")[2]
        reason = f"{ending.problem or 'it said nothing'}{last and f' ({last})'}"
        raise OSError(f"the trial did not come to its end: {reason}")
    problems = _told(words)
    for name in done:
        problems.setdefault(name, "tried, and nothing stopped it")
    return [
        LimitFound(
            name,
            limits.enforces(name),
            "" if name in limits.without else problems.get(name, ""),
            waived=name in limits.without,
        )
        for name in NAMES
    ]


def _told(words: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return which walls did not stand, and why."""
    return {one["limit"]: one["problem"] for one in words if "limit" in one}


def _done(said: str) -> Sequence[LimitName] | None:
    """Return the deeds that were done, None when the trial did not come to its end."""
    try:
        done = json.loads(said)
    except ValueError:
        return None
    return [name for name in NAMES if name in done]
