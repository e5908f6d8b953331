"""Pauses, holds, crashes of rows, what is left of sealed events, and what hooks hint at.

Place in the flow: `adapters/ledgers/migrations` runs it; folds are made anew afterwards, because
their version moved with it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_VIEWS = ("pause", "hold")


def upgrade() -> None:
    for name in ("crashes", "retried"):
        op.add_column("work", sa.Column(name, sa.Integer, nullable=False, server_default="0"))
    _heads()
    _found_sooner()
    _chained_more()
    op.create_table(
        "sealed",
        sa.Column("source", sa.String, primary_key=True),
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("pos", sa.Integer, nullable=False, unique=True),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    _seals()
    _wakeups()
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


def _heads() -> None:
    op.add_column("work", sa.Column("head", sa.Boolean, nullable=False, server_default="0"))
    op.execute(
        "UPDATE work SET head = 1 WHERE id IN (SELECT (SELECT first.id FROM work AS first"
        " WHERE first.lane = one.lane AND first.state IN ('ready', 'running')"
        " ORDER BY first.place LIMIT 1) FROM (SELECT DISTINCT lane FROM work) AS one)"
    )
    op.create_index("work_head", "work", ["lane"], unique=True, sqlite_where=sa.text("head IS 1"))
    op.create_index(
        "work_claimable",
        "work",
        ["handler", "part", "due_at", "place"],
        sqlite_where=sa.text("head IS 1 AND state != 'running'"),
    )


def _found_sooner() -> None:
    """Index what is asked again and again; an effect nobody can see is not an open one."""
    op.create_index("event_by_type", "event", ["model_key", "type", "seq"])
    op.create_index("effect_by_state", "effect", ["state"])
    op.drop_index("effect_open", "effect")
    op.create_index(
        "effect_open",
        "effect",
        ["subject"],
        sqlite_where=sa.text(
            "closed IS NULL AND field != '' AND state != 'suppressed' AND state != 'todo'"
        ),
    )
    op.create_index("view_deadline_by_kind", "view_deadline", ["slot", "state"])


def _chained_more() -> None:
    """Remember from which place on the hash chain covers traces: what is linked stays linked."""
    op.execute(
        "INSERT INTO meta (name, value)"
        " SELECT 'chain_covers_trace_from', COALESCE(MAX(pos), 0) + 1 FROM event"
    )


def _seals() -> None:
    op.create_table(
        "seal",
        sa.Column("last_pos", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("first_pos", sa.Integer, nullable=False),
        sa.Column("until", sa.String(27), nullable=False),
        sa.Column("file", sa.String, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
    )
    op.create_table(
        "checkpoint",
        sa.Column("n", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("view", sa.String, nullable=False),
        sa.Column("key", sa.String, nullable=False),
        sa.Column("model", sa.String, nullable=False, index=True),
        sa.Column("data", sa.Text, nullable=False),
        sa.UniqueConstraint("view", "key"),
        sqlite_autoincrement=True,
    )


def _wakeups() -> None:
    op.create_table(
        "wakeup",
        sa.Column("n", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("delivery", sa.String, nullable=False),
        sa.Column("model", sa.String, nullable=False),
        sa.Column("number", sa.String, nullable=False),
        sa.Column("at", sa.String(27), nullable=False),
        sa.Column("done", sa.Boolean, nullable=False),
        sa.UniqueConstraint("source", "delivery"),
        sqlite_autoincrement=True,
    )
    op.create_index("wakeup_waiting", "wakeup", ["source", "n"], sqlite_where=sa.text("done IS 0"))
    op.create_index("wakeup_done", "wakeup", ["at"], sqlite_where=sa.text("done IS 1"))


def downgrade() -> None:
    raise RuntimeError("an older program cannot read this ledger; restore a backup made before it")
