"""What the notifier needs to hold, collapse and repeat pushes."""

from alembic import op

revision = "a0004"
down_revision = "a0003"

NOTIFICATIONS = """
    ALTER TABLE notifications
        ADD COLUMN release_at timestamptz,
        ADD COLUMN sender uuid,
        ADD COLUMN tries smallint NOT NULL DEFAULT 0,
        ADD COLUMN first_tried_at timestamptz,
        ADD COLUMN retry_at timestamptz,
        ADD COLUMN reached uuid[] NOT NULL DEFAULT '{}',
        ADD COLUMN told_with uuid
"""
RELEASE_INDEX = "CREATE INDEX notifications_release_at_idx ON notifications (release_at) WHERE state = 'held'"


def upgrade() -> None:
    """Let notifications wait for their time, and remember what has become of their tries."""
    for statement in (NOTIFICATIONS, RELEASE_INDEX):
        op.execute(statement)
