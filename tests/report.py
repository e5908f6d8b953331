"""What the drills showed, one row each, printed as a table when the tests end.

A drill calls `tell` once per run: what was tried, at which size, what the judges found against
us, and what they found with a guard off. `tests/conftest.py` prints `table()`.
"""

import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_WIDTH = 100
_rows: list["Row"] = []


@dataclass(kw_only=True)
class Row:
    """One drill.

    `ours` says what was found with every guard on (zeros, and what was achieved beside them),
    `control` what was found with a guard off; `kills` how many, and where they landed.
    """

    drill: str
    size: str
    ours: str
    control: str
    kills: str = ""
    minutes: float = 0.0


def tell(row: Row) -> None:
    """Add a row to the table."""
    _rows.append(row)


@contextmanager
def timed() -> Iterator[list[float]]:
    """Measure the minutes of a block; they are the list's one element when it has ended."""
    took: list[float] = []
    began = time.monotonic()
    yield took
    took.append((time.monotonic() - began) / 60)


def table() -> list[str]:
    """Return the lines of the table, empty when no drill told anything."""
    lines: list[str] = []
    for row in _rows:
        lines.append(f"{row.drill}  [{row.minutes:.1f} min]")
        parts = {"size": row.size, "kills": row.kills, "ours": row.ours, "control": row.control}
        for name, said in parts.items():
            if said:
                lines += textwrap.wrap(
                    said, _WIDTH, initial_indent=f"  {name:8} ", subsequent_indent=" " * 11
                )
    return lines
