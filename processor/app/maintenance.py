"""Look after the ledger's file: back up, restore, upgrade, refold, seal, verify, vacuum.

Place in the flow: `sluice db ...` calls these. What changes the file holds the ledger's lock, so
no process may run; what only reads may be done while one does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from processor.adapters.ledgers import (
    beside,
    comparing,
    copying,
    migrations,
    refolding,
    schema,
    sealing,
    verifying,
)
from processor.adapters.ledgers.backup import Copied
from processor.adapters.ledgers.backup import backup as _backup
from processor.adapters.ledgers.lock import held
from processor.adapters.ledgers.restore import Restored
from processor.adapters.ledgers.restore import restore as _restore
from processor.adapters.ledgers.stamps import newest
from processor.engine.clock import FASTEST, SystemClock
from processor.settings.load import Loaded


@dataclass(frozen=True, kw_only=True)
class Upgraded:
    """The revision found (None: there was no ledger) and the one there is now."""

    found: str | None
    revision: str


@dataclass(frozen=True, kw_only=True)
class Refolded:
    """How many events were folded, how many rows each view has, and what had been wrong."""

    events: int
    rows: dict[str, int]
    differences: tuple[comparing.Difference, ...]


@dataclass(frozen=True, kw_only=True)
class Vacuumed:
    """Sizes in bytes, the write-ahead log included."""

    before: int
    after: int


def backup(loaded: Loaded, file: Path, *, force: bool) -> Copied:
    """Copy the ledger to a file, also while a process runs."""
    return _backup(loaded.settings.ledger.path, file, force=force)


def restore(loaded: Loaded, file: Path) -> Restored:
    """Put a backup in the ledger's place."""
    settings = loaded.settings
    path = settings.ledger.path
    windows = (settings.registry.quiet, *(one.local.quiet for one in settings.forges.values()))
    with held(path):
        now = _now(path, file)
        return _restore(path, file, settings.registry.id, now, max(windows) * FASTEST)


def upgrade(loaded: Loaded) -> Upgraded:
    """Bring the tables up."""
    path = loaded.settings.ledger.path
    with held(path):
        return Upgraded(found=migrations.upgrade(path), revision=schema.HEAD)


def refold(loaded: Loaded, files: Sequence[Path]) -> Refolded:
    """Fold every view anew; with every export there is, the sealed events too."""
    path = loaded.settings.ledger.path
    with held(path):
        migrations.check_readable(path)
        with migrations.opening(path), copying.connected(path, writing=True) as connection:
            comparing.remember(connection)
            count = refolding.unseal(connection, files) if files else 0
            count += refolding.refold(connection)
            return Refolded(
                events=count,
                rows=comparing.counts(connection),
                differences=tuple(comparing.differences(connection)),
            )


def seal(loaded: Loaded, folder: Path, age: timedelta) -> sealing.Sealed:
    """Export events older than `age` and take them out of the ledger."""
    settings = loaded.settings
    path = settings.ledger.path
    with held(path):
        return sealing.seal(path, settings.registry.id, folder, _now(path), age)


def verify(loaded: Loaded, files: Sequence[Path]) -> verifying.Chain:
    """Recompute the hash chain over the ledger and the exports given."""
    path = loaded.settings.ledger.path
    migrations.check_readable(path)
    with migrations.opening(path), copying.connected(path) as connection:
        return verifying.chain(connection, files)


def check(loaded: Loaded, *, quick: bool) -> tuple[str, ...]:
    """Return what is wrong with the file's pages and indexes, nothing when all is well."""
    path = loaded.settings.ledger.path
    migrations.check_readable(path)
    return verifying.problems_of(path, quick=quick)


def vacuum(loaded: Loaded) -> Vacuumed:
    """Write the file anew without the room it no longer needs."""
    path = loaded.settings.ledger.path
    with held(path):
        migrations.check_readable(path)
        before = _size(path)
        with migrations.opening(path), copying.alone(path) as file:
            file.execute("VACUUM")
            file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return Vacuumed(before=before, after=_size(path))


def _size(path: Path) -> int:
    """Return what a ledger takes on disk."""
    return sum(one.stat().st_size for one in (path, beside.wal(path)) if one.exists())


def _now(*files: Path) -> datetime:
    """Return the present moment, behind everything these ledgers were stamped with."""
    stamps = [stamp for stamp in map(newest, files) if stamp is not None]
    return SystemClock(not_before=max(stamps, default=None)).now()
