"""Bring a ledger file to this code's tables, or refuse it by name.

Place in the flow: `Ledger.open` calls it before anything else. Alembic is only loaded when there
is something to do, which keeps a start quick.
"""

from pathlib import Path

from sqlalchemy import Connection, create_engine, inspect, text

from processor.adapters.ledgers import schema
from processor.adapters.ledgers.database import set_up
from processor.errors import Terminal


def upgrade(path: Path) -> None:
    """Run the revisions that are missing. Raises Terminal for a file of newer code."""
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(f"sqlite:///{path}")
    set_up(engine, writing=True)
    try:
        with engine.begin() as connection:
            if revision_of(connection) == schema.HEAD:
                return
            _run(connection)
    finally:
        engine.dispose()


def revision_of(connection: Connection) -> str | None:
    """Return the file's revision, None for a new file."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _run(connection: Connection) -> None:
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
        raise Terminal(
            f"the ledger's tables are of revision {revision_of(connection)}, newer than this "
            f"program's {schema.HEAD}: run the newer program, or restore a backup made before it"
        ) from error
