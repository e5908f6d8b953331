"""Alembic's environment: run the revisions over the connection the ledger hands in.

Place in the flow: called by `adapters/ledgers/migrations` only.
"""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
