"""When pushes were stopped for the whole fleet, by whom and why; at most one stop is in force."""

from alembic import op

revision = "a0006"
down_revision = "a0005"

PUSH_STOPS = """
    CREATE TABLE push_stops (
        stopped_at timestamptz DEFAULT now() CONSTRAINT push_stops_pkey PRIMARY KEY,
        stopped_by text NOT NULL,
        reason text NOT NULL,
        started_at timestamptz,
        started_by text,
        CONSTRAINT push_stops_started_check CHECK ((started_at IS NULL) = (started_by IS NULL))
    )
"""
IN_FORCE_INDEX = """
    CREATE UNIQUE INDEX push_stops_in_force_idx ON push_stops ((started_at IS NULL)) WHERE started_at IS NULL
"""


def upgrade() -> None:
    """Let pushes be stopped."""
    for statement in (PUSH_STOPS, IN_FORCE_INDEX):
        op.execute(statement)
