"""The rows of a finished ledger, written once more by nothing but `sqlite3`.

Place in the flow: P5 measures it beside the engine: same tables and indexes, same pragmas, the
same rows in the same order, a commit per hundred events. No folding, no planning, no checking.
"""

import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_AT_ONCE = 100  # events, with everything that came of them, in one commit


@dataclass(frozen=True)
class Table:
    """Rows of one table as they stand in the end."""

    name: str
    rows: Sequence[tuple[Any, ...]]

    def part(self, share: float, upto: float) -> Sequence[tuple[Any, ...]]:
        """Return the rows from one share of the whole to another."""
        return self.rows[round(share * len(self.rows)) : round(upto * len(self.rows))]


def rows_of(path: Path) -> tuple[list[str], list[Table]]:
    """Return what makes the tables, and every row in them that the engine wrote."""
    with closing(sqlite3.connect(path)) as file:
        made = file.execute(
            "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT GLOB 'sqlite_*'"
            " ORDER BY type = 'index'"
        ).fetchall()
        names = ["event", "work", *sorted(name for name, _ in made if name.startswith("view_"))]
        tables = [Table(name, file.execute(f"SELECT * FROM {name}").fetchall()) for name in names]
    return [sql for _, sql in made], [table for table in tables if table.rows]


def write(path: Path, made: Sequence[str], tables: Sequence[Table], events: int) -> float:
    """Write the rows into a new file; return the seconds it took."""
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("PRAGMA journal_mode=WAL")
        file.execute("PRAGMA synchronous=FULL")
        for sql in made:
            file.execute(sql)
        began = time.perf_counter()
        for first in range(0, events, _AT_ONCE):
            file.execute("BEGIN IMMEDIATE")
            for table in tables:
                some = table.part(first / events, min(1.0, (first + _AT_ONCE) / events))
                marks = ", ".join("?" * len(table.rows[0]))
                file.executemany(f"INSERT INTO {table.name} VALUES ({marks})", some)
            file.execute("COMMIT")
        return time.perf_counter() - began
