"""Alembic's environment: run the revisions over the connection the ledger hands in.

Place in the flow: called by `adapters/ledgers/migrations` only.
"""

from alembic import context

# SQLite makes tables inside a transaction once the driver keeps out of it: a crash half-way
# leaves the file as it was.
context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
