"""Bring a ledger file to this code's tables, or refuse it by name.

Place in the flow: `Ledger.open` calls it before anything else, readers ask it whether they may
read. Alembic is only loaded when there is something to do, which keeps a start quick.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.exc import DBAPIError

from processor.adapters.ledgers import beside, schema
from processor.adapters.ledgers.complaints import words
from processor.adapters.ledgers.database import file_url, set_up
from processor.errors import Terminal


def upgrade(path: Path) -> str | None:
    """Run the revisions that are missing; return the one found, None for a new file.

    A new ledger takes its name once it is whole. Raises Terminal for a file of newer code, and
    for one that is no ledger or cannot be read.
    """
    with opening(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.check(path)
        if path.exists():
            return _upgraded(path)
        new = beside.fresh(path)
        beside.remove(new)
        _upgraded(new)
        beside.settle(new, path)
        return None


def check_readable(path: Path) -> None:
    """Raise Terminal for what this code cannot read: newer or older tables, or no ledger at all."""
    with opening(path):
        beside.check(path)
        if not path.exists():
            raise Terminal(f"there is no ledger at {path}: has `sluice run` been started here?")
    found = check_known(path)
    if found != schema.HEAD:
        raise Terminal(
            f"the tables of {path} are of revision {found}, older than this program's "
            f"{schema.HEAD}: `sluice db upgrade` brings them up, `sluice run` does so too"
        )


def check_known(path: Path) -> str:
    """Return the revision of a ledger that is as old as this code or older. Raises Terminal."""
    with opening(path):
        engine = create_engine(file_url("sqlite", path, writing=False))
        set_up(engine, writing=False)
        try:
            with engine.begin() as connection:
                found = revision_of(connection)
                _check_ours(connection, path, found)
        finally:
            engine.dispose()
    if found is None:
        raise Terminal(f"{path} holds no tables: it is no ledger")
    if found > schema.HEAD:
        raise _newer(path, found)
    return found


@contextmanager
def opening(path: Path) -> Iterator[None]:
    """Turn what the file or its folder refuse into Terminal, with the fix."""
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        raise Terminal(f"ledger: {words(path, error)}") from error
    except OSError as error:
        raise Terminal(
            f"ledger.path: {path} cannot be used ({error.strerror or error}): it must be a file "
            "that this user may read and write, in a folder this user may write"
        ) from error


def revision_of(connection: Connection) -> str | None:
    """Return the file's revision, None for a new file."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _upgraded(path: Path) -> str | None:
    """Bring one file up; return the revision found."""
    engine = create_engine(file_url("sqlite", path, writing=True))
    set_up(engine, writing=True)
    try:
        with engine.begin() as connection:
            found = revision_of(connection)
            if found != schema.HEAD:
                _check_ours(connection, path, found)
                _run(connection, path, found)
            return found
    finally:
        engine.dispose()


def _check_ours(connection: Connection, path: Path, found: str | None) -> None:
    """Raise Terminal for a database that is somebody else's."""
    if found is None and inspect(connection).get_table_names():
        raise Terminal(
            f"{path} is a database of something else: set ledger.path to a ledger, or to a file "
            "that is not there yet"
        )


def _newer(path: Path, found: str) -> Terminal:
    """Return what is said of a file of newer code."""
    return Terminal(
        f"the tables of {path} are of revision {found}, newer than this program's "
        f"{schema.HEAD}: run the newer program, or restore a backup made before it"
    )


def _run(connection: Connection, path: Path, found: str | None) -> None:
    """Run Alembic over the open connection."""
    from alembic import command  # noqa: PLC0415 - 100 ms that most starts need not spend
    from alembic.config import Config  # noqa: PLC0415 - as above
    from alembic.util import CommandError  # noqa: PLC0415 - as above

    config = Config()
    config.set_main_option(
        "script_location", str(Path(__file__).with_name("revisions")).replace("%", "%%")
    )
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise _newer(path, str(found)) from error
