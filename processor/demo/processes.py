"""Start and stop real processes so that nothing is ever left running.

Place in the flow: `demo/cluster` starts model servers with it, `demo/story` every part.
Each process leads its own group and hangs on a lifeline (`demo/tether`), so it ends with the
process that started it, even when that one is killed.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from processor.demo import tether

_GRACE = 5.0  # seconds between SIGTERM and SIGKILL


@dataclass(kw_only=True)
class Process:
    """One started process; `log` is the file that holds what it printed."""

    name: str
    popen: "subprocess.Popen[str]"
    lifeline: int
    log: Path
    started: float = field(default_factory=time.monotonic)

    @property
    def pid(self) -> int:
        """Return the process id, which is also its group's."""
        return self.popen.pid

    @property
    def exit_code(self) -> int | None:
        """Return how it ended, None while it runs."""
        return self.popen.poll()

    def last_words(self) -> str:
        """Return the last line it printed, empty when there is none."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return lines[-1][:500] if lines else ""

    def stay(self) -> None:
        """Let it go on after this process has ended."""
        os.write(self.lifeline, b"k")


def start(
    name: str,
    command: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    folder: Path | None = None,
    talks: bool = False,
) -> Process:
    """Start a command; `env` None is ours, `folder` where it runs, `talks` pipes its stdin, stdout.

    Raises OSError when it cannot be started.
    """
    read, write = os.pipe()
    try:
        with log.open("a") as out:
            popen = subprocess.Popen(  # noqa: S603 - commands are the demo's own
                [sys.executable, "-I", "-S", tether.__file__, str(read), *command],
                stdin=subprocess.PIPE if talks else subprocess.DEVNULL,
                stdout=subprocess.PIPE if talks else out,
                stderr=out,
                env=env,
                cwd=folder,
                pass_fds=(read,),
                start_new_session=True,
                text=True,
            )
    except OSError:
        os.close(write)
        raise
    finally:
        os.close(read)
    return Process(name=name, popen=popen, lifeline=write, log=log)


def stop(processes: Iterable[Process]) -> None:
    """End them all and wait until they are gone: SIGTERM first, SIGKILL after five seconds."""
    ending = list(processes)
    for process in ending:
        _signal(process, signal.SIGTERM)
    until = time.monotonic() + _GRACE
    for process in ending:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.popen.wait(max(0.0, until - time.monotonic()))
        _signal(process, signal.SIGKILL)  # whatever else is in its group, the watcher included
        process.popen.wait()
        for pipe in (process.popen.stdin, process.popen.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        if process.lifeline >= 0:
            os.close(process.lifeline)
            process.lifeline = -1


def free_port() -> int:
    """Return a loopback port nobody listens on at the moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _signal(process: Process, number: int) -> None:
    """Signal a whole group; one that is gone needs none."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
