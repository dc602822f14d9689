"""Users, their devices, and the notifications by day."""

from alembic import op

revision = "a0001"
down_revision = None

USERS = """
    CREATE TABLE users (
        id uuid PRIMARY KEY,
        email text NOT NULL UNIQUE CONSTRAINT users_email_lower_check CHECK (email = lower(email)),
        password_hash text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now()
    )
"""

DEVICES = """
    CREATE TABLE devices (
        id uuid PRIMARY KEY,
        user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        token text NOT NULL UNIQUE,
        platform text NOT NULL CHECK (platform IN ('android', 'ios', 'web')),
        locale text NOT NULL,
        time_zone text NOT NULL,
        app_version text,
        created_at timestamptz NOT NULL DEFAULT now(),
        last_seen_at timestamptz NOT NULL DEFAULT now(),
        retired_at timestamptz,
        retired_reason text
    )
"""

NOTIFICATIONS = """
    CREATE TABLE notifications (
        id uuid NOT NULL,
        fired_on date NOT NULL,
        user_id uuid NOT NULL,
        alert_id uuid NOT NULL,
        content jsonb NOT NULL,
        state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'sent', 'failed')),
        reason text,
        recorded_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (fired_on, id)
    ) PARTITION BY RANGE (fired_on)
"""


def upgrade() -> None:
    """Make the three tables, and the partition that takes the days without one of their own."""
    op.execute(USERS)
    op.execute(DEVICES)
    op.execute("CREATE INDEX devices_user_id_idx ON devices (user_id)")
    op.execute(NOTIFICATIONS)
    op.execute("CREATE INDEX notifications_user_id_recorded_at_idx ON notifications (user_id, recorded_at)")
    op.execute("CREATE INDEX notifications_id_idx ON notifications (id)")
    op.execute("CREATE TABLE notifications_default PARTITION OF notifications DEFAULT")
