"""Pauses, holds, crashes of rows, and what is left of sealed events.

Place in the flow: `adapters/ledgers/migrations` runs it; folds are made anew afterwards, because
their version moved with it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_VIEWS = ("pause", "hold")


def upgrade() -> None:
    op.add_column("work", sa.Column("crashes", sa.Integer, nullable=False, server_default="0"))
    op.create_table(
        "sealed",
        sa.Column("source", sa.String, primary_key=True),
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("pos", sa.Integer, nullable=False, unique=True),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    for name in _VIEWS:
        op.create_table(
            f"view_{name}",
            sa.Column("n", sa.Integer, primary_key=True, autoincrement=True),
            sa.Column("key", sa.String, nullable=False, unique=True),
            sa.Column("model", sa.String, nullable=False, index=True),
            sa.Column("slot", sa.String, nullable=False, index=True),
            sa.Column("state", sa.String, nullable=False, index=True),
            sa.Column("data", sa.Text, nullable=False),
            sqlite_autoincrement=True,
        )


def downgrade() -> None:
    raise RuntimeError("an older program cannot read this ledger; restore a backup made before it")
