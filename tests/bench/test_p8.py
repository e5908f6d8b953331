"""What `make bench` says about P8 follows from its samples; a small drain is drained."""

from pathlib import Path

from tests.bench.p8 import Sample, drain, report, store


def test_the_median_decides_and_both_verdicts_are_possible() -> None:
    quick = Sample(steady=1000, drained=990, seconds=10, first=0.1, fdatasync=0.2)
    slow = Sample(steady=1000, drained=500, seconds=20, first=1.0, fdatasync=0.2)
    assert [line.met for line in report([quick, slow, quick])] == [True, True]
    assert [line.met for line in report([slow, quick, slow])] == [False, False]


async def test_what_waited_is_drained_and_the_first_does_not_wait_for_the_last(
    tmp_path: Path,
) -> None:
    await store(tmp_path / "outage.db", 600)
    seconds, first = await drain(tmp_path / "outage.db", 600)
    assert 0 < first < seconds
