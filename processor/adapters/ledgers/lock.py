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


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the lock beside the ledger. Raises Terminal naming the process that has it."""
    lock = path.with_name(path.name + ".lock")
    lock.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            other = os.pread(handle, 100, 0).decode(errors="replace").strip() or "unknown"
            raise Terminal(
                f"{path} is in use by process {other}: stop that process first, or give this one "
                "its own ledger.path"
            ) from error
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)
