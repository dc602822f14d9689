"""Sessions, other issuers' travellers, quotas, repeated requests, preferences, receipts, installation ids."""

from alembic import op

revision = "a0003"
down_revision = "a0002"

USERS = """
    ALTER TABLE users
        ALTER COLUMN email DROP NOT NULL,
        ALTER COLUMN password_hash DROP NOT NULL,
        ADD COLUMN deleting_at timestamptz,
        ADD CONSTRAINT users_login_check CHECK ((email IS NULL) = (password_hash IS NULL))
"""
USERS_INDEX = "CREATE INDEX users_deleting_at_idx ON users (deleting_at) WHERE deleting_at IS NOT NULL"

IDENTITIES = """
    CREATE TABLE identities (
        issuer text NOT NULL,
        subject text NOT NULL,
        user_id uuid NOT NULL CONSTRAINT identities_user_id_fkey REFERENCES users (id) ON DELETE CASCADE,
        CONSTRAINT identities_pkey PRIMARY KEY (issuer, subject)
    )
"""
IDENTITIES_INDEX = "CREATE INDEX identities_user_id_idx ON identities (user_id)"

SESSIONS = """
    CREATE TABLE sessions (
        id uuid CONSTRAINT sessions_pkey PRIMARY KEY,
        user_id uuid NOT NULL CONSTRAINT sessions_user_id_fkey REFERENCES users (id) ON DELETE CASCADE,
        created_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        revoked_at timestamptz,
        revoked_reason text
    )
"""
SESSIONS_INDEXES = (
    "CREATE INDEX sessions_user_id_idx ON sessions (user_id)",
    "CREATE INDEX sessions_expires_at_idx ON sessions (expires_at)",
)

REFRESH_TOKENS = """
    CREATE TABLE refresh_tokens (
        hash bytea CONSTRAINT refresh_tokens_pkey PRIMARY KEY,
        session_id uuid NOT NULL CONSTRAINT refresh_tokens_session_id_fkey REFERENCES sessions (id) ON DELETE CASCADE,
        issued_at timestamptz NOT NULL,
        used_at timestamptz
    )
"""
REFRESH_TOKENS_INDEX = "CREATE INDEX refresh_tokens_session_id_idx ON refresh_tokens (session_id)"

ALERT_SLOTS = """
    CREATE TABLE alert_slots (
        alert_id uuid CONSTRAINT alert_slots_pkey PRIMARY KEY,
        user_id uuid NOT NULL CONSTRAINT alert_slots_user_id_fkey REFERENCES users (id) ON DELETE CASCADE,
        taken_at timestamptz NOT NULL
    )
"""
ALERT_SLOTS_INDEX = "CREATE INDEX alert_slots_user_id_idx ON alert_slots (user_id)"

IDEMPOTENCY_KEYS = """
    CREATE TABLE idempotency_keys (
        user_id uuid NOT NULL CONSTRAINT idempotency_keys_user_id_fkey REFERENCES users (id) ON DELETE CASCADE,
        key text NOT NULL,
        request_hash bytea NOT NULL,
        alert_id uuid NOT NULL,
        reply bytea,
        created_at timestamptz NOT NULL,
        CONSTRAINT idempotency_keys_pkey PRIMARY KEY (user_id, key)
    )
"""
IDEMPOTENCY_KEYS_INDEX = "CREATE INDEX idempotency_keys_created_at_idx ON idempotency_keys (created_at)"

PREFERENCES = """
    CREATE TABLE preferences (
        user_id uuid CONSTRAINT preferences_pkey PRIMARY KEY
            CONSTRAINT preferences_user_id_fkey REFERENCES users (id) ON DELETE CASCADE,
        time_zone text,
        quiet_from time,
        quiet_to time,
        pass_when_exceptional boolean NOT NULL DEFAULT false,
        digest_at time,
        most_per_hour smallint NOT NULL DEFAULT 6,
        most_per_day smallint NOT NULL DEFAULT 20,
        currency text NOT NULL DEFAULT 'EUR',
        locale text,
        updated_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT preferences_quiet_check CHECK ((quiet_from IS NULL) = (quiet_to IS NULL)),
        CONSTRAINT preferences_most_check CHECK (most_per_hour > 0 AND most_per_day > 0)
    )
"""

DEVICES = """
    ALTER TABLE devices
        ALTER COLUMN token DROP NOT NULL,
        ADD COLUMN fid text CONSTRAINT devices_fid_key UNIQUE,
        ADD CONSTRAINT devices_address_check CHECK (num_nonnulls(token, fid) = 1)
"""

NOTIFICATIONS = """
    ALTER TABLE notifications
        ADD COLUMN sent_at timestamptz,
        ADD COLUMN delivered_at timestamptz,
        ADD COLUMN opened_at timestamptz,
        ADD COLUMN read_at timestamptz,
        DROP CONSTRAINT notifications_state_check,
        ADD CONSTRAINT notifications_state_check CHECK (state IN
            ('queued', 'held', 'sending', 'sent', 'failed', 'suppressed', 'dropped', 'delivered', 'opened'))
"""


def upgrade() -> None:
    """Make room for all that the app can ask for."""
    tables = (IDENTITIES, SESSIONS, REFRESH_TOKENS, ALERT_SLOTS, IDEMPOTENCY_KEYS, PREFERENCES)
    indexes = (IDENTITIES_INDEX, *SESSIONS_INDEXES, REFRESH_TOKENS_INDEX, ALERT_SLOTS_INDEX, IDEMPOTENCY_KEYS_INDEX)
    for statement in (USERS, USERS_INDEX, *tables, *indexes, DEVICES, NOTIFICATIONS):
        op.execute(statement)
