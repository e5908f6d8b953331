"""The newest moment a ledger was stamped with.

Place in the flow: `app` begins its clock there, so that a ledger's time never goes back, not even
when the machine's clock was set back between two runs.
"""

import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

_STAMPS = (
    "SELECT observed_at FROM event WHERE seq = (SELECT max(seq) FROM event)",
    "SELECT max(sent_at) FROM effect",
    "SELECT max(answered_at) FROM effect",
)


def newest(path: Path) -> datetime | None:
    """Return it; None for a file that is not there or cannot be read, of which others complain."""
    found: list[str] = []
    try:
        with closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5)
        ) as file:
            for stamp in _STAMPS:
                found += [row[0] for row in file.execute(stamp) if row[0]]
    except sqlite3.Error:
        return None
    return max(map(datetime.fromisoformat, found), default=None)
