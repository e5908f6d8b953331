"""The rows of a finished ledger, written once more by nothing but inserts.

Place in the flow: P5 measures it beside the engine: the same tables, indexes and pragmas, the
same rows in the same order, a hundred to a commit, each commit on disk. No folding, no planning,
no hashing, no order. `by_core` goes through SQLAlchemy Core as the ledger does, `by_driver`
through Python's own `sqlite3` alone.
"""

import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import Table, create_engine, insert, select

from processor.adapters.ledgers import schema
from processor.adapters.ledgers.database import file_url, set_up

AT_ONCE = 100

Rows = Mapping[Table, Sequence[Mapping[str, Any]]]


def rows_of(path: Path) -> Rows:
    """Return every row the engine wrote, as it stands in the end."""
    engine = create_engine(file_url("sqlite", path, writing=False))
    set_up(engine, writing=False)
    with engine.begin() as connection:
        found = {
            table: [dict(row) for row in connection.execute(select(table)).mappings()]
            for table in (schema.event, schema.work, *schema.views.values())
        }
    engine.dispose()
    return {table: rows for table, rows in found.items() if rows}


def batches(counts: Sequence[int]) -> Iterator[Sequence[slice]]:
    """Return which rows of each table go together: as many of each as it has of all."""
    commits = -(-sum(counts) // AT_ONCE)
    for number in range(commits):
        yield [
            slice(count * number // commits, count * (number + 1) // commits) for count in counts
        ]


def by_core(path: Path, rows: Rows) -> float:
    """Write with SQLAlchemy Core; return the seconds it took."""
    engine = create_engine(file_url("sqlite", path, writing=True))
    set_up(engine, writing=True)
    schema.metadata.create_all(engine)
    began = time.perf_counter()
    for parts in batches([len(some) for some in rows.values()]):
        with engine.begin() as connection:
            for (table, some), part in zip(rows.items(), parts, strict=True):
                if some[part]:
                    connection.execute(insert(table), some[part])
    took = time.perf_counter() - began
    engine.dispose()
    return took


def by_driver(path: Path, finished: Path, names: Sequence[str]) -> float:
    """Write the rows of a finished file with `sqlite3`; return the seconds it took."""
    with closing(sqlite3.connect(finished)) as file:
        made = [
            sql
            for (sql,) in file.execute(
                "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT GLOB 'sqlite_*'"
                " ORDER BY type = 'index'"
            )
        ]
        rows = {name: file.execute(f"SELECT * FROM {name}").fetchall() for name in names}
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("PRAGMA journal_mode=WAL")
        file.execute("PRAGMA synchronous=FULL")
        for sql in made:
            file.execute(sql)
        began = time.perf_counter()
        for parts in batches([len(some) for some in rows.values()]):
            file.execute("BEGIN IMMEDIATE")
            for (name, some), part in zip(rows.items(), parts, strict=True):
                marks = ", ".join("?" * len(some[0]))
                file.executemany(f"INSERT INTO {name} VALUES ({marks})", some[part])
            file.execute("COMMIT")
        return time.perf_counter() - began
