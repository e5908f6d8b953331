"""Hostile gate programs: each is stopped behind its wall, and does its deed once that is down."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from processor.adapters.evaluators.limits import Limits
from processor.values.job import LimitName
from tests.evaluators import hostile
from tests.evaluators.hostile import LARGE, SMALL, Place, alive

pytestmark = pytest.mark.real
place = hostile.place

WITHIN = [
    pytest.param(hostile.LOOP, "processor time", id="infinite loop"),
    pytest.param(hostile.SHARED_LOOP, "processor time", id="loop of many"),
    pytest.param(hostile.HOG, "evaluator.local.memory", id="memory hog"),
    pytest.param(hostile.SHARED_HOG, "of memory and was stopped", id="memory hogs together"),
    pytest.param(hostile.FLOOD, "printed more than 64KB", id="output flood"),
    pytest.param(hostile.COMPLAINTS, "printed more than 64KB", id="complaint flood"),
    pytest.param(hostile.ONE_FILE, "exit code 1", id="one large file"),
    pytest.param(hostile.MANY_FILES, "exit code 1", id="disk filler"),
    pytest.param(hostile.BOMB, "exit code 1", id="fork bomb"),
    pytest.param(hostile.OPEN, "exit code 1", id="open files"),
]


@pytest.mark.parametrize(("program", "why"), WITHIN)
async def test_what_takes_too_much_is_stopped_and_its_control_is_not(
    place: Place, program: str, why: str
) -> None:
    stopped = await place.run(program, SMALL)
    free = await place.run(program, LARGE)
    assert why in stopped.problem, stopped
    assert free.problem == "", free
    assert free.said.endswith('{"verdict": "passed"}\n')
    print(f"stopped: {stopped.problem} | control: answered after {free.seconds:.1f} s")


async def test_what_sleeps_past_its_time_is_killed_whatever_it_ignores(place: Place) -> None:
    stopped = await place.run(hostile.SLEEP, LARGE, timeout=0.5)
    free = await place.run(hostile.SLEEP, LARGE)
    assert "longer than its timeout of 0.5 s" in stopped.problem
    assert free.problem == ""


ORPHAN = """
import os, subprocess, sys
subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(3)', sys.argv[1]],
                 start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
"""


@pytest.mark.parametrize("without", [None, "children"])
async def test_nothing_a_program_starts_outlives_it(
    place: Place, without: LimitName | None
) -> None:
    mark = f"orphan-{uuid4()}"
    ending = await place.run(ORPHAN, LARGE, mark, without=without)
    assert ending.problem == ""
    left = alive(mark)
    print(f"without {without}: {left} grandchildren left")
    assert left == (1 if without else 0)
    while alive(mark):
        await asyncio.sleep(0.1)


async def test_a_program_whose_asker_is_cancelled_is_gone(place: Place) -> None:
    mark = f"cancelled-{uuid4()}"
    running = asyncio.create_task(place.run("import time\ntime.sleep(30)\n", LARGE, mark))
    while not alive(mark):
        await asyncio.sleep(0.05)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert alive(mark) == 0


CONNECT = """
import socket, sys
try: socket.create_connection(('127.0.0.1', int(sys.argv[1])), timeout=2).close()
except OSError as no: print(no, file=sys.stderr)
"""


@contextmanager
def listener() -> Iterator[tuple[int, list[object]]]:
    """Listen on this machine; yield the port and who came."""
    came: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        over = threading.Event()

        def accept() -> None:
            while not over.is_set():
                try:
                    one, peer = server.accept()
                except TimeoutError:
                    continue
                one.close()
                came.append(peer)

        thread = threading.Thread(target=accept)
        thread.start()
        yield server.getsockname()[1], came
        over.set()
        thread.join()


async def test_there_is_no_network(place: Place) -> None:
    with listener() as (port, came):
        behind = await place.run(CONNECT, LARGE, port)
        walled = len(came)
        free = await place.run(CONNECT, LARGE, port, without="network")
        await asyncio.sleep(0.3)
    print(f"connections behind the wall: {walled}, control: {len(came)}")
    assert (walled, len(came)) == (0, 1)
    assert (behind.problem, free.problem) == ("", "")
    assert "unreachable" in behind.complaint


READ = """
import os, sys
for path in sys.argv[1:]:
    try: print(open(path).read(), file=sys.stderr)
    except OSError as no: print(type(no).__name__, file=sys.stderr)
"""


async def test_a_secret_is_not_there_to_be_read_wherever_it_lies(
    place: Place, tmp_path: Path
) -> None:
    marker = f"marker-{uuid4()}"
    (place.folder / "inner").mkdir()
    secrets = [
        tmp_path / "token",
        place.folder / "token",
        place.folder / "sluice.db",
        place.folder / "sluice.db-wal",
        place.folder / "inner/password",
    ]
    for one in secrets:
        one.write_text(marker)
    open_ = place.folder / "inner/thresholds.json"
    open_.write_text("thresholds")
    place.view = replace(
        place.view, hidden=tuple(map(str, (*secrets[:3], place.folder / "inner/password")))
    )
    behind = await place.run(READ, LARGE, *secrets, open_)
    free = await place.run(READ, LARGE, *secrets, open_, without="files")
    print(
        f"secrets read behind the wall: {behind.complaint.count(marker)} of {len(secrets)}, "
        f"control: {free.complaint.count(marker)}"
    )
    assert behind.complaint.count(marker) == 0
    assert behind.complaint.count("FileNotFoundError") == len(secrets)
    assert "thresholds" in behind.complaint
    assert free.complaint.count(marker) == len(secrets)


LOOK = """
import glob, os, sys
found = [*os.environ.values(), open('/proc/self/environ').read()]
for path in glob.glob('/proc/*/environ') + glob.glob('/proc/*/cmdline'):
    try: found.append(open(path).read())
    except OSError: pass
print(sys.argv[1][::-1] in ' '.join(found), file=sys.stderr)
for number in range(3, 64):
    try: print('inherited', os.readlink(f'/proc/self/fd/{number}'), file=sys.stderr)
    except OSError: pass
"""


async def test_our_environment_and_open_files_are_not_its(
    place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    marker = f"env-{uuid4()}"
    monkeypatch.setenv("SLUICE_PASSWORD", marker)
    with (tmp_path / "ours").open("w") as ours:
        ours.fileno()
        behind = await place.run(LOOK, LARGE, marker[::-1])
    assert behind.problem == ""
    assert behind.complaint.splitlines() == ["False"]
    place.view = replace(place.view, environment={"HANDED": marker})
    free = await place.run(LOOK, LARGE, marker[::-1])
    assert "True" in free.complaint


WRITE = """
import os, sys
for path in sys.argv[1:]:
    try: open(path, 'w').write('hostile')
    except OSError: pass
open(os.environ['TMPDIR'] + '/mine', 'w').write('fine')
open(os.environ['HOME'] + '/mine', 'w').write('fine')
"""


async def test_nothing_is_written_but_its_scratch(place: Place, tmp_path: Path) -> None:
    there = place.folder / "thresholds.json"
    there.write_text("as it was")
    there.chmod(0o666)
    elsewhere = tmp_path / "elsewhere"
    new = place.folder / "new"
    place.folder.chmod(0o777)
    behind = await place.run(WRITE, LARGE, there, new, elsewhere, "/usr/hostile")
    assert behind.problem == "", behind
    assert (there.read_text(), new.exists(), elsewhere.exists()) == ("as it was", False, False)
    await place.run(WRITE, LARGE, there, new, elsewhere, without="files")
    assert (there.read_text(), new.exists(), elsewhere.exists()) == ("hostile", True, True)
    assert not Path("/usr/hostile").exists()


ESCAPE = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
done = []
for name, call in {
    'umount': lambda: libc.umount2(b'/tmp', 2),
    'remount': lambda: libc.mount(None, sys.argv[1].encode(), None, 32 | 4096, None),
    'users': lambda: libc.unshare(0x10000000),
    'setuid': lambda: libc.setuid(0) if os.getuid() else -1,
    'chroot': lambda: libc.chroot(b'/tmp'),
    'trace': lambda: libc.ptrace(16, 1, None, None),
    'kill': lambda: libc.kill(1, 9),
}.items():
    if call() == 0: done.append(name)
print(done, os.listdir('/'), file=sys.stderr)
open(sys.argv[1] + '/hostile', 'w')
"""


async def test_the_walls_cannot_be_taken_down_from_inside(place: Place) -> None:
    place.folder.chmod(0o777)
    ending = await place.run(ESCAPE, LARGE, place.folder)
    print(ending.complaint.splitlines()[0])
    assert "Read-only file system" in ending.complaint
    assert not (place.folder / "hostile").exists()
    assert ending.complaint.startswith(("[] ", "['kill'] "))  # pid 1 does not mind


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (("no-such-program",), "cannot be started"),
        (("/bin/sh", "-c", "exit 3"), "exit code 3"),
        (("/bin/sh", "-c", "kill -SEGV $$"), "killed by SIGSEGV"),
        (("/bin/sh", "-c", "cat; cat; exit 0"), ""),
    ],
)
async def test_every_other_end_is_told(place: Place, command: tuple[str, ...], why: str) -> None:
    from processor.adapters.evaluators.child import Program, run  # noqa: PLC0415

    place.view = replace(place.view, environment={"PATH": "/usr/bin:/bin"})
    (place.runs / "x").mkdir()
    job = Program(
        command=command,
        folder=str(place.folder),
        timeout=10,
        evidence='{"n": 1}',
        place=place.runs / "x",
    )
    ending = await run(job, Limits(), place.view)
    assert why in ending.problem if why else ending.problem == ""
    assert ending.said == ("" if why else '{"n": 1}')
