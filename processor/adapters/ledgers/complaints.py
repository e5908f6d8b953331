"""What SQLite complains of, said so that somebody can put it right.

Place in the flow: `database` asks for it whenever a job fails, `opening` and `checking` before
anything runs; the words reach `/readyz`, `sluice status` and whoever waits for an answer.
"""

import sqlite3
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from processor.errors import Unavailable

_ENDS = ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_READONLY")
"""What ends a whole transaction, or makes going on in it pointless."""


def ends_all(error: Exception) -> bool:
    """Tell whether a failure is the file's, so that no other job of the transaction can stand."""
    return _name(error).startswith(_ENDS)


def is_damage(error: Exception) -> bool:
    """Tell whether the file itself is not what SQLite wrote."""
    return _name(error).startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB"))


def complaint(path: Path, error: Exception) -> Unavailable:
    """Return what is wrong with the ledger, and what to do about it."""
    return Unavailable("ledger", words(path, error))


def words(path: Path, error: Exception) -> str:
    """Return file, trouble and fix in one line."""
    name, said = _name(error), _said(error)
    if name.startswith("SQLITE_FULL"):
        return (
            f"{path} cannot grow ({said}), the disk is full: free space there, then nothing else "
            "is needed"
        )
    if name.startswith("SQLITE_IOERR"):
        return (
            f"{path} cannot be read or written ({said}): see whether its disk is full, gone or "
            "failing; nothing else is needed once it answers"
        )
    if name.startswith("SQLITE_CORRUPT"):
        return (
            f"{path} is damaged ({said}): stop, then restore a backup with "
            "`sluice db restore FILE`; `sluice db check` tells more"
        )
    if name.startswith("SQLITE_NOTADB"):
        return (
            f"{path} is not a ledger ({said}): set ledger.path to one, or restore a backup with "
            "`sluice db restore FILE`"
        )
    if name.startswith("SQLITE_CANTOPEN"):
        return (
            f"{path} cannot be opened ({said}): it must be a file that this user may read and "
            "write, in a folder this user may write"
        )
    if name.startswith("SQLITE_READONLY"):
        return f"{path} may not be written ({said}): give this user the right to file and folder"
    return said


def unreadable(path: Path, error: ValueError) -> Unavailable:
    """Return what is wrong when a stored row is not what any program of ours wrote."""
    first = str(error).partition("\n")[0]
    return Unavailable(
        "ledger",
        f"{path} holds a row that cannot be read ({first}): `sluice db check` and "
        "`sluice db verify` tell whether the file is damaged",
    )


def _name(error: Exception) -> str:
    """Return SQLite's own name of the failure, empty where it has none."""
    orig = error.orig if isinstance(error, DBAPIError) else error
    name = getattr(orig, "sqlite_errorname", None)
    if name is None and isinstance(orig, sqlite3.Error) and "malformed" in str(orig):
        return "SQLITE_CORRUPT"
    return name or ""


def _said(error: Exception) -> str:
    """Return SQLite's words."""
    return str(error.orig if isinstance(error, DBAPIError) else error)
