"""Programs that misbehave, and how they are run: behind every wall, and with one wall taken down.

All of them are bounded: the worst any can do when nothing stops it is a second of one core, 300 MB
of memory or forty sleeping processes.
"""

import os
import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from processor.adapters.evaluators.child import Program, View, run
from processor.adapters.evaluators.limits import Limits
from processor.app.gate_runner import SYSTEM
from processor.values.job import Ending, LimitName

MB = 1024 * 1024
SMALL = Limits(
    cpu=1, memory=256 * MB, output=64 * 1024, scratch=2 * MB, processes=24, descriptors=64
)
LARGE = Limits(
    cpu=60, memory=4096 * MB, output=16 * MB, scratch=64 * MB, processes=400, descriptors=4096
)

LOOP = "import time\nend = time.process_time() + 2.5\nwhile time.process_time() < end: pass\n"
SHARED_LOOP = """
import os, time
for _ in range(4):
    if os.fork() == 0:
        end = time.process_time() + 0.6
        while time.process_time() < end: pass
        os._exit(0)
for _ in range(4): os.wait()
"""
HOG = "bytearray(300 * 1024 * 1024)\n"
SHARED_HOG = """
import os, time
read, write = os.pipe()
for _ in range(4):
    if os.fork() == 0:
        mine = b"x" * (100 * 1024 * 1024)
        time.sleep(1)
        os._exit(0)
for _ in range(4): os.wait()
"""
FLOOD = "import sys\nfor _ in range(64): sys.stdout.write('x' * 65536)\n"
COMPLAINTS = "import sys\nfor _ in range(64): sys.stderr.write('x' * 65536)\n"
ONE_FILE = """
import os
with open(os.environ['TMPDIR'] + '/one', 'wb') as file:
    for _ in range(8 * 16): file.write(bytes(65536)); file.flush()
"""
MANY_FILES = """
import os
for number in range(16):
    with open(os.environ['TMPDIR'] + f'/{number}', 'wb') as file: file.write(bytes(512 * 1024))
"""
SLEEP = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(2)\n"
BOMB = """
import os, sys, time
children = 0
for _ in range(40):
    try:
        if os.fork() == 0:
            time.sleep(0.5)
            os._exit(0)
    except OSError:
        sys.exit('no more than ' + str(children))
    children += 1
for _ in range(children): os.wait()
"""
OPEN = "import os\nkept = [os.open(os.devnull, os.O_RDONLY) for _ in range(200)]\n"
ANSWER = 'print(\'{"verdict": "passed"}\')\n'


@dataclass
class Place:
    """A policy's folder and a runner's."""

    folder: Path
    runs: Path
    view: View

    async def run(
        self,
        program: str,
        limits: Limits,
        *arguments: object,
        timeout: float = 90,
        without: LimitName | None = None,
    ) -> Ending:
        """Run a program of the folder's behind these limits, or with one of them down."""
        (self.folder / "gate.py").write_text(program + ANSWER)
        if without:
            limits = replace(limits, without=limits.without | {without})
        place = self.runs / str(len(list(self.runs.iterdir())))
        place.mkdir()
        job = Program(
            command=(sys.executable, "-S", "gate.py", *map(str, arguments)),
            folder=str(self.folder),
            timeout=timeout,
            evidence="{}",
            place=place,
        )
        return await run(job, limits, self.view)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return a place whose folder anybody may read: as root, a program is somebody else."""
    folder, runs = tmp_path / "policies", tmp_path / "runs"
    for one in (folder, runs):
        one.mkdir()
        one.chmod(0o755)
    return Place(folder, runs, View(readable=(*SYSTEM, sys.prefix, sys.base_prefix)))


def alive(mark: str) -> int:
    """Return how many processes of this machine carry a mark on their command line."""
    found = 0
    for one in Path("/proc").iterdir():
        with suppress(OSError):
            found += one.name != str(os.getpid()) and mark in (one / "cmdline").read_text()
    return found
