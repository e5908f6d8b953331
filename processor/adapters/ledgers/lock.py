"""One process per SQLite ledger.

Place in the flow: `app.run` holds it as long as it runs. The kernel lets go of it when the
process ends, however it ends; a stopped process still holds it.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from processor.errors import Terminal


class InUse(Terminal):
    """A process has the ledger."""


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the lock beside the ledger.

    Raises InUse naming the process that has it, Terminal where this user may not make it.
    """
    lock = path.with_name(path.name + ".lock")
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Terminal(
            f"ledger.path: {lock} cannot be made ({error.strerror}): {path} must be in a folder "
            "this user may write"
        ) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            other = os.pread(handle, 100, 0).decode(errors="replace").strip() or "unknown"
            raise InUse(
                f"{path} is in use by process {other}: stop that process first, or give this one "
                "its own ledger.path"
            ) from error
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)
