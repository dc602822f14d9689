"""The messages of changes that the history has counted."""

from alembic import op

revision = "s0004"
down_revision = "s0003"

COUNTED_MESSAGES = """
    CREATE TABLE counted_messages (
        id uuid CONSTRAINT counted_messages_pkey PRIMARY KEY,
        counted_at timestamptz NOT NULL DEFAULT now()
    )
"""
COUNTED_AT_INDEX = "CREATE INDEX counted_messages_counted_at_idx ON counted_messages (counted_at)"


def upgrade() -> None:
    """Let changes be counted once."""
    for statement in (COUNTED_MESSAGES, COUNTED_AT_INDEX):
        op.execute(statement)
