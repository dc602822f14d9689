"""Notifications that were dropped unseen, and notifications that an alert has expired."""

from alembic import op

revision = "a0002"
down_revision = "a0001"


def upgrade() -> None:
    """Let notifications be dropped."""
    op.execute("ALTER TABLE notifications DROP CONSTRAINT notifications_state_check")
    op.execute(
        "ALTER TABLE notifications ADD CONSTRAINT notifications_state_check"
        " CHECK (state IN ('queued', 'sent', 'failed', 'dropped'))"
    )
