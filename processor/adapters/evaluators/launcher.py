"""What runs in the child before the gate's program: raise the walls, then watch over it.

Place in the flow: `child` starts this with the program's pipes as standard streams, a lifeline it
reads its orders from and a pipe to tell on. Three processes: the outermost enters the namespaces
and waits; the second is the first of its process namespace, so that all others end with it; the
third becomes the program. When the lifeline closes, the second ends, whatever happened to us.
"""

import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from processor.adapters.evaluators import walls

_TICK = 0.05  # seconds between looks at what runs
_PAGE = os.sysconf("SC_PAGE_SIZE")
_HZ = os.sysconf("SC_CLK_TCK")
_RLIMITS = {
    "cpu": resource.RLIMIT_CPU,
    "memory": resource.RLIMIT_AS,
    "processes": resource.RLIMIT_NPROC,
    "descriptors": resource.RLIMIT_NOFILE,
    "scratch": resource.RLIMIT_FSIZE,
}

Orders = Mapping[str, Any]
Tell = Callable[..., None]


class _Refused(Exception):
    """A limit cannot be kept, and nobody allowed to go without it."""


def main() -> None:
    """Obey the orders that come on the lifeline."""
    lifeline, told = int(sys.argv[1]), int(sys.argv[2])
    for number in (lifeline, told):
        os.set_inheritable(number, False)  # noqa: FBT003 - takes no keyword

    def tell(**what: object) -> None:
        os.write(told, json.dumps(what).encode() + b"\n")

    orders = _read(lifeline)
    try:
        stands = _enter(orders, tell)
    except _Refused:
        return
    walls.hide_memory()  # not before: a hidden process cannot be mapped into a user namespace
    watcher = os.fork()
    if watcher == 0:
        with suppress(_Refused):
            _watch(orders, stands, lifeline, tell)
        os._exit(0)
    _let_go_of_streams()
    os.waitpid(watcher, 0)


def _read(lifeline: int) -> Orders:
    """Return the orders: the first line."""
    text = b""
    while not text.endswith(b"\n"):
        more = os.read(lifeline, 65536)
        if not more:
            sys.exit(0)  # nobody is there any more
        text += more
    orders: Orders = json.loads(text)
    return orders


def _enter(orders: Orders, tell: Tell) -> frozenset[str]:
    """Leave the namespaces that the limits ask for; return which of those limits stand so far."""
    asked = [one for one in ("network", "files", "children") if one in orders["limits"]]
    if not asked:
        return frozenset()
    if not _raised(walls.own_users, asked, orders, tell):
        return frozenset()
    flags = {
        "network": walls.NEWNET,
        "files": walls.NEWNS,
        "children": walls.NEWNS | walls.NEWPID | walls.NEWIPC,
    }
    return frozenset(
        one
        for one in asked
        if _raised(lambda: walls.unshare(flags[one]), [one], orders, tell)  # noqa: B023 - called at once
    )


def _raised(wall: Callable[[], None], limits: list[str], orders: Orders, tell: Tell) -> bool:
    """Raise a wall; where it does not stand, tell which limits that leaves without effect.

    A trial goes on without it, anything else ends here.
    """
    try:
        wall()
    except OSError as problem:
        for limit in limits:
            tell(limit=limit, problem=problem.strerror or str(problem))
        if not orders["trial"]:
            raise _Refused from problem
        return False
    return True


def _watch(orders: Orders, stands: frozenset[str], lifeline: int, tell: Tell) -> None:
    """Build the file system, start the program, and end when it ends or has to."""
    own = stands
    if stands & {"files", "children"} and not _raised(
        walls.detach_mounts, [*(stands & {"files", "children"})], orders, tell
    ):
        own -= {"files", "children"}
    if "files" in own:
        view = orders["view"]

        def build() -> None:
            walls.own_files(
                view["root"],
                view["readable"],
                view["hidden"],
                orders["limits"].get("scratch"),
                proc="children" in own,
            )

        if not _raised(build, ["files"], orders, tell):
            own -= {"files"}
    elif "children" in own and not _raised(
        lambda: walls.mount_proc("/proc"), ["children"], orders, tell
    ):
        own -= {"children"}
    if "children" in own:  # then /proc is of our own namespaces
        walls.forbid_namespaces()
    began = time.monotonic()
    program = os.fork()
    if program == 0:
        _become(orders, own, tell)
    _let_go_of_streams()
    why, status = _until_over(program, orders["limits"], own, lifeline, began)
    tell(
        ended=why,
        code=os.waitstatus_to_exitcode(status) if status is not None else None,
        seconds=round(time.monotonic() - began, 3),
        cpu=round(_spent(resource.getrusage(resource.RUSAGE_CHILDREN)), 3),
    )


def _become(orders: Orders, own: frozenset[str], tell: Tell) -> NoReturn:
    """Turn into the program, with nothing but its streams, its folder and its environment."""
    environment = dict(orders["environment"])
    if "files" in own:
        environment |= {"HOME": "/tmp", "TMPDIR": "/tmp"}  # noqa: S108 - its own
    command = orders["command"]
    try:
        os.setsid()
        for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them
            signal.signal(number, signal.SIG_DFL)
        walls.drop_privileges(user="files" in own)
        os.chdir(orders["folder"])
        for name, value in orders["limits"].items():
            _bound(name, value)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.execvpe(command[0], command, environment)  # noqa: S606 - what the policy names
    except OSError as problem:
        where = "" if problem.filename is None else f" ({problem.filename})"
        tell(cannot=f"{problem.strerror}{where}")
    os._exit(127)


def _bound(name: str, value: object) -> None:
    """Set one limit of this process and of all it starts; never above what holds already."""
    kind = _RLIMITS.get(name)
    if kind is None or not isinstance(value, int):
        return
    hard = resource.getrlimit(kind)[1]
    most = value if hard == resource.RLIM_INFINITY else min(value, hard)
    harder = most + 1 if name == "cpu" and hard == resource.RLIM_INFINITY else most
    resource.setrlimit(kind, (most, harder))


def _until_over(
    program: int, limits: Mapping[str, Any], own: frozenset[str], lifeline: int, began: float
) -> tuple[str, int | None]:
    """Wait for the program; return what ended it (`itself`, or a limit) and its wait status."""
    os.set_blocking(lifeline, False)
    while True:
        status = _reaped(program)
        if status is not None:
            return "itself", status
        why = "time" if time.monotonic() - began > limits["time"] else ""
        if not why and "children" in own:
            why = _over_all(limits)
        if why or _cut(lifeline):
            with suppress(ProcessLookupError):
                os.killpg(program, signal.SIGKILL)
            return why or "cut", None
        time.sleep(_TICK)


def _reaped(program: int) -> int | None:
    """Bury whoever ended; return the program's wait status once it did."""
    with suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == program:
                with suppress(ProcessLookupError):
                    os.killpg(program, signal.SIGKILL)  # who is left of its group
                return status
            if pid == 0:
                break
    return None


def _cut(lifeline: int) -> bool:
    """Tell whether nobody holds the other end any more."""
    try:
        return os.read(lifeline, 1) == b""
    except BlockingIOError:
        return False


def _over_all(limits: Mapping[str, Any]) -> str:
    """Return which limit all processes together have broken: each alone may be within it."""
    resident, spent = 0, _spent(resource.getrusage(resource.RUSAGE_CHILDREN))
    others = [path for path in Path("/proc").iterdir() if path.name.isdecimal()]
    others = [path for path in others if path.name != "1"]  # that is us
    for one in others:
        with suppress(OSError, ValueError, IndexError):
            stat = (one / "stat").read_text().rpartition(")")[2].split()
            resident += int(stat[21]) * _PAGE
            spent += sum(int(ticks) for ticks in stat[11:15]) / _HZ
    if "cpu" in limits and spent > limits["cpu"]:
        return "cpu"
    if "memory" in limits and resident > limits["memory"]:
        return "memory" if _proportional(others) > limits["memory"] else ""
    return ""


def _proportional(processes: list[Path]) -> int:
    """Return the bytes processes hold, what they share counted once."""
    total = 0
    for one in processes:
        with suppress(OSError):
            for line in (one / "smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total


def _spent(usage: resource.struct_rusage) -> float:
    return usage.ru_utime + usage.ru_stime


def _let_go_of_streams() -> None:
    """Close the program's streams here, so that they end when the program does."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    os.close(nothing)
