"""Copy a ledger's file as it stands at one moment, while others go on writing it.

Place in the flow: `backup` copies the ledger out, `restore` copies a backup in.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import Connection, create_engine

from processor.adapters.ledgers import beside
from processor.adapters.ledgers.database import file_url, set_up


def copy(source: Path, made: Path) -> None:
    """Copy `source`, unmerged commits included, to a new file only its owner may read.

    Raises sqlite3.Error, OSError.
    """
    beside.remove(made)
    os.close(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    address = f"{source.absolute().as_uri()}?mode=ro"
    with (
        closing(sqlite3.connect(address, uri=True, timeout=5)) as there,
        closing(sqlite3.connect(made)) as here,
    ):
        there.backup(here)
        here.execute("PRAGMA journal_mode=DELETE")  # one file, without company
    beside.sync(made)


@contextmanager
def connected(path: Path, *, writing: bool = False) -> Iterator[Connection]:
    """Open a ledger's file for one transaction outside the running program's connections."""
    engine = create_engine(file_url("sqlite", path, writing=writing))
    set_up(engine, writing=writing)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


@contextmanager
def alone(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a file for what may not be done inside a transaction."""
    address = f"{path.absolute().as_uri()}?mode=rw"
    with closing(sqlite3.connect(address, uri=True, isolation_level=None, timeout=5)) as file:
        yield file
