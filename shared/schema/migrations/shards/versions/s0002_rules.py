"""All rules and filters of an alert, its life, the shard's map and rates, and alerts on their way elsewhere."""

from alembic import op

revision = "s0002"
down_revision = "s0001"

COLUMNS = """
    ALTER TABLE alerts
        ADD COLUMN round_trip boolean NOT NULL DEFAULT false,
        ADD COLUMN return_from date,
        ADD COLUMN return_to date,
        ADD COLUMN nights_min smallint,
        ADD COLUMN nights_max smallint,
        ADD COLUMN weekdays smallint,
        ADD COLUMN cabin smallint,
        ADD COLUMN max_stops smallint,
        ADD COLUMN carriers text[],
        ADD COLUMN excluded_carriers text[],
        ADD COLUMN percent smallint,
        ADD COLUMN improvement smallint NOT NULL DEFAULT 2,
        ADD COLUMN rearm text NOT NULL DEFAULT 'recovery',
        ADD COLUMN initial_price bigint,
        ADD COLUMN rates_date date,
        ADD COLUMN revision integer NOT NULL DEFAULT 0,
        ADD COLUMN watched_board bigint,
        ADD COLUMN watched_fare bigint,
        ADD COLUMN watched_at bigint,
        ADD COLUMN check_at timestamptz
"""

# What a target was in the reference currency is not known of alerts that have fired: the price that fired
# stands for it, which is not above it.
BACKFILL = "UPDATE alerts SET initial_price = coalesce(last_price, armed_price), updated_at = now(), check_at = now()"

CONSTRAINTS = """
    ALTER TABLE alerts
        ALTER COLUMN target DROP NOT NULL,
        ALTER COLUMN armed_price SET NOT NULL,
        ALTER COLUMN initial_price SET NOT NULL,
        DROP CONSTRAINT alerts_rule_check,
        DROP CONSTRAINT alerts_state_check,
        ADD CONSTRAINT alerts_rule_check CHECK (
            CASE rule
                WHEN 'target' THEN target IS NOT NULL AND percent IS NULL
                WHEN 'drop' THEN target IS NULL AND percent BETWEEN 1 AND 99
                WHEN 'new_low' THEN target IS NULL AND percent IS NULL
                ELSE false
            END
        ),
        ADD CONSTRAINT alerts_state_check CHECK (state IN ('active', 'paused', 'fired', 'expired')),
        ADD CONSTRAINT alerts_rearm_check CHECK (rearm IN ('once', 'recovery')),
        ADD CONSTRAINT alerts_improvement_check CHECK (improvement BETWEEN 1 AND 99)
"""

ARMED = """
    CREATE INDEX alerts_armed_idx ON alerts (route, round_trip, armed_price)
    INCLUDE (
        id, departure_from, departure_to, origin_airports, destination_airports, return_from, return_to,
        nights_min, nights_max, weekdays, cabin, max_stops, carriers, excluded_carriers
    )
    WHERE state = 'active'
"""

STATE = """
    CREATE TABLE shard_state (
        single boolean PRIMARY KEY DEFAULT true CONSTRAINT shard_state_single_check CHECK (single),
        map_version integer NOT NULL,
        shards smallint[] NOT NULL CONSTRAINT shard_state_shards_check CHECK (cardinality(shards) = 1024),
        rates_date date NOT NULL,
        reach double precision NOT NULL DEFAULT 1 CONSTRAINT shard_state_reach_check CHECK (reach >= 1)
    )
"""

RATES = """
    CREATE TABLE rates (
        date date PRIMARY KEY,
        reference text NOT NULL,
        factors jsonb NOT NULL,
        loaded_at timestamptz NOT NULL DEFAULT now()
    )
"""

# Rows travel as JSON, which follows the columns of alerts by itself.
ARRIVING = """
    CREATE TABLE arriving_alerts (
        move uuid PRIMARY KEY,
        id uuid NOT NULL,
        source smallint NOT NULL,
        content jsonb NOT NULL,
        arrived_at timestamptz NOT NULL DEFAULT now()
    )
"""

DEPARTED = """
    CREATE TABLE departed_alerts (
        move uuid PRIMARY KEY,
        departed_at timestamptz NOT NULL DEFAULT now()
    )
"""

TRANSIT = """
    CREATE TABLE bucket_transit (
        id uuid PRIMARY KEY,
        bucket smallint NOT NULL,
        content jsonb NOT NULL
    )
"""


def upgrade() -> None:
    """Add what is new; no column of the first version changes its meaning."""
    op.execute(COLUMNS)
    op.execute(BACKFILL)
    op.execute(CONSTRAINTS)
    op.execute("DROP INDEX alerts_armed_idx")
    op.execute(ARMED)
    op.execute(
        "CREATE INDEX alerts_watched_idx ON alerts (watched_board) INCLUDE (id, watched_fare)"
        " WHERE state = 'active' AND watched_board IS NOT NULL"
    )
    op.execute("CREATE INDEX alerts_check_at_idx ON alerts (check_at) WHERE check_at IS NOT NULL")
    op.execute(STATE)
    op.execute(RATES)
    op.execute(ARRIVING)
    op.execute(DEPARTED)
    op.execute(TRANSIT)
