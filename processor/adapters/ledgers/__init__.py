"""The ledger on SQLAlchemy Core: SQLite, one file, WAL with full fsync and group commit.

`Ledger.open` gives the parts that the ports name: log, views, work, effects, snapshots, places.
Only this room knows tables; Alembic's revisions are beside it.
"""

from processor.adapters.ledgers.ledger import Ledger

__all__ = ["Ledger"]
