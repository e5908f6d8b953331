import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from processor.demo.processes import start, stop
from tests.demo.parts import eventually

pytestmark = pytest.mark.real

STARTER = """
import sys, time
from pathlib import Path
from processor.demo.processes import start
one = start("one", ["sh", "-c", sys.argv[2]], log=Path(sys.argv[1]))
if len(sys.argv) > 3:
    one.stay()
print(one.pid, flush=True)
time.sleep(600)
"""
TREE = "sleep 600 & trap '' TERM; sleep 600 & wait; wait"


def group(leader: int) -> list[int]:
    command = ["ps", "-eo", "pid,pgid,stat"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = [line.split() for line in listed.stdout.splitlines()[1:]]
    return [int(pid) for pid, pgid, state in rows if int(pgid) == leader and state[0] != "Z"]


def starter(tmp_path: Path, *more: str) -> tuple["subprocess.Popen[str]", int]:
    command = [sys.executable, "-c", STARTER, str(tmp_path / "log"), TREE, *more]
    popen = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert popen.stdout is not None
    leader = int(popen.stdout.readline())
    eventually(lambda: len(group(leader)) >= 3, 5)
    return popen, leader


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_tree_ends_with_its_starter_however_that_ends(tmp_path: Path, number: int) -> None:
    popen, leader = starter(tmp_path)
    popen.send_signal(number)
    popen.communicate()
    eventually(lambda: not group(leader), 10)
    assert group(leader) == []


def test_what_is_told_to_stay_stays(tmp_path: Path) -> None:
    popen, leader = starter(tmp_path, "stay")
    popen.kill()
    popen.communicate()
    time.sleep(1)
    assert len(group(leader)) >= 2
    os.killpg(leader, signal.SIGKILL)
    eventually(lambda: not group(leader), 5)


def test_stop_leaves_nothing_of_a_tree_that_ignores_it(tmp_path: Path) -> None:
    one = start("one", ["sh", "-c", TREE], log=tmp_path / "log")
    two = start("two", ["true"], log=tmp_path / "log")
    eventually(lambda: len(group(one.pid)) >= 3, 5)
    stop([one, two])
    assert not group(one.pid)
    assert not group(two.pid)
    stop([one, two])


def test_the_watcher_leaves_with_the_command(tmp_path: Path) -> None:
    one = start("one", ["sh", "-c", "echo first; echo last; exit 3"], log=tmp_path / "log")
    eventually(lambda: one.exit_code is not None, 5)
    assert one.exit_code == 3
    assert one.last_words() == "last"
    eventually(lambda: not group(one.pid), 5)
    stop([one])


def test_pipes_end_with_the_command(tmp_path: Path) -> None:
    one = start("one", ["cat"], log=tmp_path / "log", talks=True)
    assert one.popen.stdin is not None
    assert one.popen.stdout is not None
    one.popen.stdin.write("hello\n")
    one.popen.stdin.close()
    assert one.popen.stdout.read() == "hello\n"
    stop([one])
