"""A drill's look into the ledger file, read-only: to choose and count moments, never to judge."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class LedgerFile:
    """The file of the processor under drill, which may not be there yet."""

    path: Path

    def ask(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Return the rows; none while there is no ledger."""
        try:
            opened = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=5)
        except sqlite3.OperationalError:
            return []
        try:
            with closing(opened) as ledger:
                return ledger.execute(query, values).fetchall()
        except sqlite3.OperationalError:
            return []

    def count(self, query: str) -> int:
        """Return one number, 0 while there is no ledger."""
        return next((int(row[0]) for row in self.ask(query)), 0)

    def unfinished(self) -> int:
        """Count what is left to do: rows to act on, events to place and to plan."""
        return self.count(
            "SELECT (SELECT count(*) FROM work WHERE state IN ('ready','running','waiting'))"
            " + (SELECT count(*) FROM event WHERE pos IS NULL OR dispatched = 0)"
        )

    def sending(self) -> int:
        """Count the writes that were on their way."""
        return self.count("SELECT count(*) FROM effect WHERE state = 'sending'")

    def dead(self) -> list[tuple[Any, ...]]:
        """Return handler and reason of every row that was given up."""
        return self.ask("SELECT handler, error FROM work WHERE state = 'dead'")
