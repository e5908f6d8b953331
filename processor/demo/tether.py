"""Run a command that cannot outlive whoever started it.

Place in the flow: `demo/processes` starts every part of the demo through this file, as a plain
script (`python -I -S tether.py FD COMMAND...`), so it imports nothing of the package.

The command keeps this process's id and leads its own process group. A forked watcher in that
group reads the lifeline, a pipe whose other end only the starter holds: when it closes, however
the starter died (SIGKILL included), the group is ended. One byte on it means "stay without me".
"""

import os
import select
import signal
import sys
import time

_LOOK = 0.25  # seconds between looks whether the command is still there
_GRACE = 4.0  # seconds a group has to end itself after SIGTERM


def main() -> None:
    """Fork the watcher, become the command."""
    lifeline, command = int(sys.argv[1]), sys.argv[2:]
    me = os.getpid()
    if os.fork() == 0:
        _watch(lifeline, me)
        os._exit(0)
    os.close(lifeline)
    os.execvp(command[0], command)  # noqa: S606 - the command is the demo's own


def _watch(lifeline: int, command: int) -> None:
    """End the group when the starter is gone; leave when the command is, or when told to."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)  # the command's pipes must end with the command
    while os.getppid() == command:
        if select.select([lifeline], [], [], _LOOK)[0]:
            if os.read(lifeline, 1):
                return
            break
    os.killpg(command, signal.SIGTERM)
    until = time.monotonic() + _GRACE
    while os.getppid() == command and time.monotonic() < until:
        time.sleep(0.05)
    os.killpg(command, signal.SIGKILL)


if __name__ == "__main__":
    main()
