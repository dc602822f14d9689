"""Alembic's histories: one of the accounts database, one that every shard goes through."""
