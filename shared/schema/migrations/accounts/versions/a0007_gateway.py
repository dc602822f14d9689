"""Who may send fares to the gateway, and the batches that it keeps while the broker takes none."""

from alembic import op

revision = "a0007"
down_revision = "a0006"

PRODUCER_KEYS = """
    CREATE TABLE producer_keys (
        id text CONSTRAINT producer_keys_pkey PRIMARY KEY,
        hash bytea NOT NULL,
        producer text NOT NULL,
        source text NOT NULL,
        lanes text[] NOT NULL,
        fares_per_minute integer NOT NULL
            CONSTRAINT producer_keys_fares_per_minute_check CHECK (fares_per_minute > 0),
        created_at timestamptz NOT NULL DEFAULT now(),
        expires_at timestamptz,
        revoked_at timestamptz,
        CONSTRAINT producer_keys_lanes_check CHECK (lanes <@ ARRAY['live', 'sweep'] AND cardinality(lanes) > 0)
    )
"""
SPOOLED_BATCHES = """
    CREATE TABLE spooled_batches (
        id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT spooled_batches_pkey PRIMARY KEY,
        lane text NOT NULL CONSTRAINT spooled_batches_lane_check CHECK (lane IN ('live', 'sweep')),
        body bytea NOT NULL,
        fares integer NOT NULL CONSTRAINT spooled_batches_fares_check CHECK (fares > 0),
        cycle text,
        spooled_at timestamptz NOT NULL DEFAULT now()
    )
"""
# Batches are short already: to compress them again would take longer than to write them.
NOT_COMPRESSED = "ALTER TABLE spooled_batches ALTER COLUMN body SET STORAGE EXTERNAL"
LANE_INDEX = "CREATE INDEX spooled_batches_lane_id_idx ON spooled_batches (lane, id)"


def upgrade() -> None:
    """Let producers in, and give the gateway its spool."""
    for statement in (PRODUCER_KEYS, SPOOLED_BATCHES, NOT_COMPRESSED, LANE_INDEX):
        op.execute(statement)
