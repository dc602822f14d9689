"""The price history of routes, by month of departure."""

from alembic import op

revision = "s0003"
down_revision = "s0002"

PRICE_HISTORY = """
    CREATE TABLE price_history (
        route text NOT NULL,
        departure_date date NOT NULL,
        return_date date NOT NULL,
        cabin smallint NOT NULL,
        currency text NOT NULL,
        observed_on date NOT NULL,
        low bigint NOT NULL,
        high bigint NOT NULL,
        last bigint NOT NULL,
        low_reference bigint NOT NULL,
        last_reference bigint NOT NULL,
        last_observed_at timestamptz NOT NULL,
        changes integer NOT NULL CONSTRAINT price_history_changes_check CHECK (changes > 0),
        CONSTRAINT price_history_pkey
            PRIMARY KEY (route, departure_date, return_date, cabin, currency, observed_on),
        CONSTRAINT price_history_prices_check CHECK (0 < low AND low <= last AND last <= high),
        CONSTRAINT price_history_references_check CHECK (low_reference > 0 AND last_reference > 0)
    ) PARTITION BY RANGE (departure_date)
"""


def upgrade() -> None:
    """Make the table; its months are made by whoever migrates, at every run."""
    op.execute(PRICE_HISTORY)
