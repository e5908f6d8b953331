"""The processor's lives: started, killed somewhere, started again.

Half of the deaths are to be beside a named write, a fifth at the n-th point, the others at a random
moment, a few of them before it is ready; a life that does not come to its point dies at a random
moment too. Moments are counted in time worked. A control dies beside the writes that hurt it most.
"""

import asyncio
import multiprocessing
import os
import random
import signal
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

from tests.drills.fleet import Fleet
from tests.drills.guards import Guard
from tests.drills.ledger_file import LedgerFile
from tests.drills.spawned import main

SHORT, LONG = 0.9, 1.8  # seconds of work after which a life ends at the latest
_GLANCES = 10  # looks at how long a life has worked, while it could have
_IDLE = 4  # times its length a life may last that mostly waits
_SURE = 3.0  # seconds until a control's life ends although it has not come to its point
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.drills.spawned"])
NAMED = tuple(
    f"{when} {write}"
    for write in (
        "create_version",
        "commit",
        "open",
        "merge",
        "set_status",
        "set_stage",
        "set_alias",
        "tell",
    )
    for when in ("before", "after")
)


@dataclass
class Lives:
    """One processor after another over one outside and one ledger file."""

    fleet: Fleet
    port: int
    dice: random.Random
    off: Guard = ""
    points: tuple[str, ...] = NAMED
    longest: float = SHORT
    kills: int = 0
    unfinished: int = 0
    sending: int = 0
    at: Counter[str] = field(default_factory=Counter)
    _process: BaseProcess | None = None

    @property
    def ledger(self) -> LedgerFile:
        return LedgerFile(self.fleet.folder / "sluice.db")

    async def live_and_die(self) -> None:
        """Live once, die, and count what death interrupted."""
        chosen = self.dice.random()
        fatal: int | str = 0
        within = self.dice.uniform(0.4, self.longest)
        if self.off:
            fatal, within = self.dice.choice(self.points), _SURE
        elif chosen < 0.5:
            fatal = self.dice.choice(self.points)
        elif chosen < 0.7:
            fatal = self.dice.randrange(1, 120)
        else:
            within = self.dice.uniform(0.0, self.longest)
        process = self._start(fatal)
        itself = False
        try:
            itself = await _worked(process, within)
        finally:
            if not itself:
                with suppress(ProcessLookupError):  # at its own point, this very moment
                    os.kill(process.pid or 0, signal.SIGKILL)
        await _ended(process, 20)
        process.join()
        assert process.exitcode == -signal.SIGKILL, (
            f"it ended by itself ({process.exitcode}): see {self.fleet.folder}/log.txt"
        )
        self.kills += 1
        self.unfinished += self.ledger.unfinished() > 0
        self.sending += self.ledger.sending() > 0
        self.at[(fatal if isinstance(fatal, str) else "n-th point") if itself else "any time"] += 1

    def start(self) -> None:
        """Begin a life that nobody ends."""
        self._process = self._start(0)

    async def stop(self) -> None:
        """End that life as an operator would."""
        process = self._process
        if process is None:
            return
        if process.is_alive():
            os.kill(process.pid or 0, signal.SIGTERM)
            await _ended(process, 30)
        assert process.exitcode == 0, f"it did not drain on SIGTERM but ended {process.exitcode}"

    def _start(self, fatal: int | str) -> BaseProcess:
        folder = self.fleet.folder
        process = _CONTEXT.Process(
            target=main,
            args=(folder / "sluice.yaml", self.fleet.url, folder / "points.txt", fatal),
            kwargs={"off": self.off},
            daemon=True,
        )
        process.start()
        return process


async def _worked(process: BaseProcess, seconds: float) -> bool:
    """Wait until a process has worked for so long, or ended; return whether it ended.

    Counted is processor time, git's included: on a busy machine a life gets as far as on an idle
    one. Who only waits dies too, later.
    """
    for _ in range(_IDLE * _GLANCES):
        if await _ended(process, seconds / _GLANCES):
            return True
        if _processor_time(process) >= seconds:
            return False
    return False


def _processor_time(process: BaseProcess) -> float:
    """Return the seconds a process and its ended children have used."""
    try:
        stat = Path(f"/proc/{process.pid}/stat").read_text()
    except OSError:
        return 0.0
    ticks = stat.rpartition(")")[2].split()[11:15]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


async def _ended(process: BaseProcess, within: float) -> bool:
    """Wait for a process to end; return whether it did."""
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(process.sentinel, over.set)
    try:
        async with asyncio.timeout(within):
            await over.wait()
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(process.sentinel)
    process.join()
    return True
