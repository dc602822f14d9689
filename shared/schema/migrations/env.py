"""Alembic's entry for both histories: runs the revisions in the transaction of whoever called."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
