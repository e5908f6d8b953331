"""The jobs on disk: a folder each, with what was asked and what came of it.

Place in the flow: `local` keeps its jobs here, so that they outlive a crash. `spec.json` is on the
disk before `keep` returns; `result.json` appears whole or not at all, and the first one stays.
"""

import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from processor.values.job import Ending, Job

_SPEC, _RESULT = "spec.json", "result.json"


@dataclass(frozen=True)
class Folders:
    """All jobs, below one folder. Everything raises OSError when the disk is in the way."""

    top: Path

    def keep(self, job: Job) -> None:
        """Store what was asked, unless the job is known."""
        folder = self.top / job.id
        if (folder / _SPEC).exists():
            return
        self.top.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        _write(folder / _SPEC, asdict(job))
        _sync(self.top)

    def job(self, job_id: str) -> Job | None:
        """Return what was asked, None for an unknown job."""
        found = _read(self.top / job_id / _SPEC)
        return Job(**{**found, "command": tuple(found["command"])}) if found else None

    def finish(self, job_id: str, ending: Ending) -> None:
        """Store how it ended; a result that is there stays."""
        _write(self.top / job_id / _RESULT, asdict(ending))

    def ending(self, job_id: str) -> Ending | None:
        """Return how it ended, None while it has not."""
        found = _read(self.top / job_id / _RESULT)
        return Ending(**found) if found else None

    @contextmanager
    def place(self, job_id: str | None = None) -> Iterator[Path]:
        """Give one run (without a job: a trial) an empty folder that is gone afterwards."""
        within = self.top / job_id if job_id else self.top
        if not job_id:
            within.mkdir(mode=0o700, parents=True, exist_ok=True)
        place = Path(tempfile.mkdtemp(prefix="run-", dir=within))
        place.chmod(0o755)  # its scratch may be another user's; the folder above is ours alone
        try:
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def sweep(self, older: float) -> int:
        """Remove what ended more than `older` seconds ago, and runs a crash left; return how many.

        A job without a result is never removed: it may still be asked for.
        """
        gone = 0
        before = time.time() - older
        with suppress(FileNotFoundError):
            for folder in self.top.iterdir():
                kept = folder / (_RESULT if (folder / _SPEC).exists() else "")
                with suppress(FileNotFoundError):
                    if kept.stat().st_mtime < before:
                        shutil.rmtree(folder, ignore_errors=True)
                        gone += 1
        return gone


def _write(path: Path, what: Mapping[str, object]) -> None:
    """Let a file appear, whole and on the disk, unless one is there."""
    number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    new = Path(name)
    try:
        with os.fdopen(number, "w", encoding="utf-8") as file:
            json.dump(what, file)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            path.hardlink_to(new)
    finally:
        new.unlink(missing_ok=True)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _read(path: Path) -> dict[str, Any] | None:
    """Return a file that was written whole, None when there is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return found if isinstance(found, dict) else None
