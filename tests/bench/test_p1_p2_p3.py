"""What `make bench` says about P1, P2 and P3 follows from its samples; CPU is what was used."""

import os
import subprocess
import sys
import time

import pytest

from processor.rules.pace import Rhythm
from tests.bench import p1, p2, p3
from tests.bench.registry import SMALL, _children, _group
from tests.bench.table import Line

NAMES = ("registry.changes", "registry.models", "registry.reconcile")


def verdicts(lines: list[Line]) -> list[bool]:
    return [line.met for line in lines if line.met is not None]


def test_p1_compares_medians() -> None:
    quick = p1.Sample(ours=[0.02, 0.03, 9.0], bare=[0.013, 0.013, 0.013], fdatasync=0.2)
    slow = p1.Sample(ours=[0.05, 0.06, 0.07], bare=[0.013, 0.013, 0.013], fdatasync=0.2)
    assert verdicts(p1.report([(SMALL, [quick, slow, quick])])) == [True]
    assert verdicts(p1.report([(SMALL, [slow, quick, slow])])) == [False]


def test_p2_allows_half_an_interval_and_one_look() -> None:
    near = p2.Sample(late=1.115, between=2.1, own=0.06, fdatasync=0.2)
    far = p2.Sample(late=1.2, between=2.1, own=0.06, fdatasync=0.2)
    assert near.extra_ms == pytest.approx(5)
    assert verdicts(p2.report([near, far, near])) == [True]
    assert verdicts(p2.report([far, near, far])) == [False]


def test_p3_counts_each_look_at_its_pace() -> None:
    paced = {name: Rhythm(2.0, load=0.01) for name in NAMES}

    def measured(cpu: float, out: float) -> p3.Measured:
        sample = p3.Sample({name: p3.Cost(cpu, cpu, out, 2) for name in NAMES}, scan=10.0)
        return p3.Measured([sample], [sample], paced)

    assert measured(0.05, 0.1).plain[0].load(paced) == pytest.approx(3 * 0.05 / 10)
    assert verdicts(p3.report(measured(0.05, 0.1))) == [True, True, True]
    assert verdicts(p3.report(measured(0.2, 0.2))) == [False, False, False]


@pytest.mark.real
def test_cpu_is_that_of_the_group_and_of_the_children_ended_ones_too() -> None:
    burn = "import time; [None for _ in iter(lambda: time.process_time() < 0.3, False)]"
    start = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}])"
    code = f"{start}; sys.stdin.read()"
    before = _children(os.getpid())
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, start_new_session=True
    ) as process:
        until = time.monotonic() + 60
        while _group(process.pid) < 0.3 and time.monotonic() < until:
            time.sleep(0.05)
        assert _group(process.pid) >= 0.3
        process.communicate()
    assert _group(process.pid) == 0
    assert _children(os.getpid()) - before >= 0.3
