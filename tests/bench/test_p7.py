"""What `make bench` says about P7 follows from the samples."""

from tests.bench.p7 import Measured, Sample, report


def test_the_median_decides_and_both_verdicts_are_possible() -> None:
    slow = [Sample(3.0, 160.0), Sample(3.2, 162.0), Sample(9.0, 161.0)]
    quick = [Sample(1.0, 80.0), Sample(0.9, 82.0), Sample(40.0, 500.0)]
    good, bad = report(Measured(quick, quick, slow)), report(Measured(slow, slow, quick))
    assert [row["met"] for row in good.values()] == [True, True, True]
    assert [row["met"] for row in bad.values()] == [False, False, False]
    assert good["idle memory, MB"]["measured"] == 82.0
    assert good["start to ready, s"]["ratio"] == 0.31
