"""What `make bench` says about P5 follows from its samples, and both sides write the same rows."""

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.bench import straight
from tests.bench.p5 import Sample, report, steady

EVENTS = 128


def test_the_median_decides_and_both_verdicts_are_possible() -> None:
    def sample(ours: float) -> Sample:
        return Sample(ours=ours, core=10_000, driver=20_000, dbos=100, dbos_wal=200, fdatasync=0.2)

    good = report([sample(4000), sample(1), sample(4000)])
    bad = report([sample(1000), sample(9000), sample(1000)])
    assert [line.met for line in good] == [True, None, True, None]
    assert [line.met for line in bad] == [False, None, False, None]
    assert "met" in str(good[0])
    assert "MISSED" in str(bad[0])


async def test_straight_writes_store_the_very_rows_the_engine_stored(tmp_path: Path) -> None:
    ours = tmp_path / "ours.db"
    assert await steady(ours, EVENTS) > 0
    rows = straight.rows_of(ours)
    names = [table.name for table in rows]
    straight.by_core(tmp_path / "core.db", rows)
    straight.by_driver(tmp_path / "driver.db", ours, names)
    assert {table.name: len(some) for table, some in rows.items()}["event"] >= 2 * EVENTS
    for other in ("core.db", "driver.db"):
        for table in rows:
            columns = ", ".join(f'"{column.name}"' for column in table.columns)
            query = f"SELECT {columns} FROM {table.name} ORDER BY 1"
            assert stored(tmp_path / other, query) == stored(ours, query), (other, table.name)


def stored(path: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as file:
        return file.execute(query).fetchall()


def test_every_row_is_in_one_batch_of_about_a_hundred() -> None:
    counts = [1000, 501, 500, 3]
    seen = [0] * len(counts)
    for parts in straight.batches(counts):
        assert abs(sum(part.stop - part.start for part in parts) - straight.AT_ONCE) <= 10
        for number, part in enumerate(parts):
            assert part.start == seen[number]
            seen[number] = part.stop
    assert seen == counts
