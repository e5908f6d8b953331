"""The ledger as it first stood: event, work, effect, snapshot, views.

Place in the flow: `adapters/ledgers/migrations` runs it on a new file.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_VIEWS = ("promotion", "serving", "versionrecord", "modelrecord", "deadline")


def upgrade() -> None:
    _events()
    _work()
    _effects()
    op.create_table(
        "meta",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_table(
        "snapshot",
        sa.Column("subject", sa.String, primary_key=True),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("data", sa.Text),
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
    raise RuntimeError("there is nothing before the first revision; remove the file instead")


def _events() -> None:
    op.create_table(
        "event",
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("id", sa.String, nullable=False),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("type", sa.String, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("key", sa.String, nullable=False),
        sa.Column("model_key", sa.String, nullable=False),
        sa.Column("time", sa.String(27)),
        sa.Column("observed_at", sa.String(27), nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("assurance", sa.String, nullable=False),
        sa.Column("cause", sa.String),
        sa.Column("trace", sa.String),
        sa.Column("data", sa.Text, nullable=False),
        sa.Column("pos", sa.Integer, unique=True),
        sa.Column("hash", sa.String(64)),
        sa.Column("dispatched", sa.Boolean, nullable=False),
        sa.UniqueConstraint("source", "id"),
        sqlite_autoincrement=True,
    )
    op.create_index("event_by_model", "event", ["model_key", "seq"])
    op.create_index("event_by_id", "event", ["id"])
    op.create_index("event_unplaced", "event", ["seq"], sqlite_where=sa.text("pos IS NULL"))
    op.create_index("event_undispatched", "event", ["pos"], sqlite_where=sa.text("dispatched = 0"))


def _work() -> None:
    op.create_table(
        "work",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("event_seq", sa.Integer, nullable=False),
        sa.Column("handler", sa.String, nullable=False),
        sa.Column("part", sa.String, nullable=False),
        sa.Column("lane", sa.String, nullable=False),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("blamed", sa.Integer, nullable=False),
        sa.Column("recorded_at", sa.String(27), nullable=False),
        sa.Column("due_at", sa.String(27), nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.UniqueConstraint("event_seq", "handler", "part"),
        sqlite_autoincrement=True,
    )
    op.create_index("work_by_place", "work", ["place"])
    op.create_index(
        "work_open",
        "work",
        ["lane", "place"],
        sqlite_where=sa.text("state IN ('ready', 'running')"),
    )
    op.create_index("work_by_state", "work", ["state", "due_at"])


def _effects() -> None:
    op.create_table(
        "effect",
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("field", sa.String, nullable=False),
        sa.Column("old", sa.Text, nullable=False),
        sa.Column("new", sa.Text, nullable=False),
        sa.Column("digest", sa.String, nullable=False),
        sa.Column("cause", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("sent_at", sa.String(27)),
        sa.Column("answered_at", sa.String(27)),
        sa.Column("quiet_until", sa.String(27)),
        sa.Column("closed", sa.String),
        sa.Column("result", sa.Text),
    )
    op.create_index("effect_by_cause", "effect", ["cause"])
    op.create_index("effect_open", "effect", ["subject"], sqlite_where=sa.text("closed IS NULL"))
