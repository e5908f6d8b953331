"""Copy the ledger out while it is being written, and believe the copy only once it is proven.

Place in the flow: `sluice db backup` through `app/maintenance`; `restore` takes the copy in.
"""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, func, select

from processor.adapters.ledgers import beside, copying, meta, migrations, schema, verifying
from processor.errors import Terminal


@dataclass(frozen=True, kw_only=True)
class Copied:
    """What a proven copy holds; `size` in bytes."""

    file: str
    revision: str
    registry: str
    incarnation: int
    events: int
    pos: int
    hash: str
    size: int


def backup(path: Path, file: Path, *, force: bool = False) -> Copied:
    """Write a copy of the ledger at `path` to `file`; whoever writes it goes on.

    The copy is of one moment, on disk, readable by its owner only, and checked before it takes
    its name. Raises Terminal: no ledger, a damaged one, a file in the way (unless `force`).
    """
    migrations.check_readable(path)
    with migrations.opening(file):
        if file.is_dir():
            raise Terminal(f"{file} is a directory: name a file in it")
        if file.exists() and path.samefile(file):
            raise Terminal(f"{file} is the ledger itself: name another file")
        if file.exists() and not force:
            raise Terminal(f"{file} is there already: name another file, or add --force")
        file.parent.mkdir(parents=True, exist_ok=True)
        made = beside.fresh(file)
        try:
            with migrations.opening(path):
                copying.copy(path, made)
            copied = proven(made, file)
            beside.settle(made, file)
        finally:
            beside.remove(made)
    return copied


def proven(made: Path, file: Path) -> Copied:
    """Return what the copy `made` of `file` (or for it) holds. Raises Terminal unless it is whole.

    Its tables are this program's.
    """
    if problems := verifying.problems_of(made):
        raise Terminal(f"{file} is damaged ({problems[0]}): take another backup")
    with migrations.opening(file), copying.connected(made) as connection:
        chain = verifying.chain(connection)
        if chain.problems:
            raise Terminal(f"{file} cannot be trusted ({chain.problems[0]}): take another backup")
        return Copied(
            file=str(file),
            revision=schema.HEAD,
            registry=meta.get(connection, meta.REGISTRY) or "",
            incarnation=meta.incarnation(connection).number,
            events=_events(connection),
            pos=chain.pos,
            hash=chain.hash,
            size=made.stat().st_size,
        )


def _events(connection: Connection) -> int:
    """Count the events kept."""
    return connection.execute(select(func.count()).select_from(schema.event)).scalar_one()
