"""Notifications are found by their id alone, so it leads their key.

With the day before it a plan made while a day's partition was empty, and kept, read the whole day for each of them.
"""

from alembic import op

revision = "a0005"
down_revision = "a0004"


def upgrade() -> None:
    """Turn the key round, which makes the index on the id alone superfluous."""
    op.execute("ALTER TABLE notifications DROP CONSTRAINT notifications_pkey")
    op.execute("DROP INDEX notifications_id_idx")
    op.execute("ALTER TABLE notifications ADD CONSTRAINT notifications_pkey PRIMARY KEY (id, fired_on)")
