"""The files beside a ledger, and moving a ledger's file so that a crash leaves a whole one.

Place in the flow: `migrations`, `backup` and `restore` name and move files through here.
"""

import os
from pathlib import Path

from processor.errors import Terminal


def wal(path: Path) -> Path:
    """Return where SQLite keeps commits that are not in the file itself yet."""
    return path.with_name(path.name + "-wal")


def shm(path: Path) -> Path:
    """Return where SQLite's connections meet; worthless without them."""
    return path.with_name(path.name + "-shm")


def fresh(path: Path) -> Path:
    """Return where a new ledger is made, before it takes its name."""
    return path.with_name(path.name + ".new")


def restoring(path: Path) -> Path:
    """Return where a restored ledger stands while it takes the old one's place."""
    return path.with_name(path.name + ".restoring")


def set_aside(path: Path, incarnation: int) -> Path:
    """Return where the ledger goes whose place a restore takes, by the incarnation that begins."""
    return path.with_name(f"{path.name}.before-restore-{incarnation}")


def check(path: Path) -> None:
    """Raise Terminal for what stands at `path` and is no ledger; nothing at all is fine."""
    if path.is_dir():
        raise Terminal(f"ledger.path: {path} is a directory: name a file, {path / 'sluice.db'} say")
    if restoring(path).exists():
        raise Terminal(
            f"a restore of {path} was interrupted: run `sluice db restore FILE` again; "
            "nothing may run before it has ended"
        )
    if path.exists() and path.stat().st_size == 0:
        raise Terminal(
            f"{path} is empty: if it was a ledger, restore a backup with `sluice db restore FILE`; "
            "to begin a new one, remove the file"
        )


def remove(path: Path) -> None:
    """Remove a database file of ours and what SQLite keeps beside it."""
    for one in (path, wal(path), shm(path)):
        one.unlink(missing_ok=True)


def settle(made: Path, path: Path) -> None:
    """Give a finished file its name, on disk: after a crash one of the two is there, whole."""
    sync(made)
    made.replace(path)
    sync(path.parent)


def sync(path: Path) -> None:
    """Write a file, or the names in a folder, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def aside(path: Path, incarnation: int) -> Path | None:
    """Put a ledger's file aside under another name, its unmerged commits with it.

    `path` itself stays until something takes its place, but never its unmerged commits: SQLite
    would merge them into whatever comes there. None when there was no ledger.
    """
    kept = set_aside(path, incarnation)
    there = path.exists()
    if there:
        os.link(path, kept)
    if wal(path).exists():
        wal(path).replace(wal(kept))
    shm(path).unlink(missing_ok=True)
    sync(path.parent)
    return kept if there else None
