"""Alerts with the index that matching reads."""

from alembic import op

revision = "s0001"
down_revision = None

ALERTS = """
    CREATE TABLE alerts (
        id uuid PRIMARY KEY,
        user_id uuid NOT NULL,
        route text NOT NULL,
        origin_airports text[],
        destination_airports text[],
        departure_from date NOT NULL,
        departure_to date NOT NULL,
        rule text NOT NULL CHECK (rule IN ('target')),
        target bigint NOT NULL CHECK (target > 0),
        currency text NOT NULL,
        armed_price bigint,
        state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused')),
        fire_seq integer NOT NULL DEFAULT 0 CHECK (fire_seq >= 0),
        last_price bigint,
        last_fare text,
        last_fired_at timestamptz,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT alerts_departure_check CHECK (departure_from <= departure_to)
    ) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02)
"""

ARMED = """
    CREATE INDEX alerts_armed_idx ON alerts (route, armed_price)
    INCLUDE (id, departure_from, departure_to, origin_airports, destination_airports)
    WHERE state = 'active'
"""


def upgrade() -> None:
    """Make the table and its indexes."""
    op.execute(ALERTS)
    op.execute("CREATE INDEX alerts_user_id_created_at_idx ON alerts (user_id, created_at)")
    op.execute(ARMED)
