"""The accounts database: who the travellers are, where they are reached, what they were told."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    Time,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from shared.schema.naming import NAMING

metadata = MetaData(naming_convention=NAMING)

users = Table(
    "users",
    metadata,
    Column("id", Uuid, primary_key=True),
    # Whoever comes by another issuer's tokens has neither.
    Column("email", Text, unique=True),
    Column("password_hash", Text),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    # From here on nobody gets in, and what is the traveller's is being deleted; this row goes last, without a name.
    Column("deleting_at", DateTime(timezone=True)),
    CheckConstraint("email = lower(email)", name="email_lower"),
    CheckConstraint("(email IS NULL) = (password_hash IS NULL)", name="login"),
    Index(None, "deleting_at", postgresql_where=text("deleting_at IS NOT NULL")),
)

# Whom another issuer's tokens stand for.
identities = Table(
    "identities",
    metadata,
    Column("issuer", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("user_id", Uuid, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    PrimaryKeyConstraint("issuer", "subject"),
    Index(None, "user_id"),
)

# A login and all the refresh tokens that follow from it: one that is used twice ends them all.
sessions = Table(
    "sessions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("revoked_at", DateTime(timezone=True)),
    Column("revoked_reason", Text),
    Index(None, "user_id"),
    Index(None, "expires_at"),
)

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("hash", LargeBinary, primary_key=True),  # SHA-256: the token itself is known to the app alone
    Column("session_id", Uuid, ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False),
    Column("issued_at", DateTime(timezone=True), nullable=False),
    Column("used_at", DateTime(timezone=True)),
    Index(None, "session_id"),
)

# Who has how many alerts, whatever shards they lie in: made before the alert, deleted after it.
alert_slots = Table(
    "alert_slots",
    metadata,
    Column("alert_id", Uuid, primary_key=True),
    Column("user_id", Uuid, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("taken_at", DateTime(timezone=True), nullable=False),
    Index(None, "user_id"),
)

# What was made under an Idempotency-Key, and the reply, once there is one.
idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("user_id", Uuid, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("key", Text, nullable=False),
    Column("request_hash", LargeBinary, nullable=False),
    Column("alert_id", Uuid, nullable=False),
    Column("reply", LargeBinary),
    Column("created_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("user_id", "key"),
    Index(None, "created_at"),
)

# How a traveller wants to be told; without a row, as the columns' defaults say.
preferences = Table(
    "preferences",
    metadata,
    Column("user_id", Uuid, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("time_zone", Text),  # null: that of the device
    Column("quiet_from", Time),  # local time, to the minute; both or neither
    Column("quiet_to", Time),
    Column("pass_when_exceptional", Boolean, nullable=False, server_default=text("false")),
    Column("digest_at", Time),  # local time; null: at once
    Column("most_per_hour", SmallInteger, nullable=False, server_default=text("6")),
    Column("most_per_day", SmallInteger, nullable=False, server_default=text("20")),
    Column("currency", Text, nullable=False, server_default="EUR"),
    Column("locale", Text),  # null: that of the device
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    CheckConstraint("(quiet_from IS NULL) = (quiet_to IS NULL)", name="quiet"),
    CheckConstraint("most_per_hour > 0 AND most_per_day > 0", name="most"),
)

devices = Table(
    "devices",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    # Firebase gives a token, or an installation id, to one installation: whoever registered it last holds it.
    Column("token", Text, unique=True),
    Column("fid", Text, unique=True),
    Column("platform", Text, nullable=False),
    Column("locale", Text, nullable=False),
    Column("time_zone", Text, nullable=False),
    Column("app_version", Text),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("last_seen_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("retired_at", DateTime(timezone=True)),
    Column("retired_reason", Text),
    CheckConstraint("platform IN ('android', 'ios', 'web')", name="platform"),
    CheckConstraint("num_nonnulls(token, fid) = 1", name="address"),
    Index(None, "user_id"),
)

# No foreign keys: firings come through a queue, and one whose user or alert has just gone is recorded too.
notifications = Table(
    "notifications",
    metadata,
    Column("id", Uuid, nullable=False),
    Column("fired_on", Date, nullable=False),
    Column("user_id", Uuid, nullable=False),
    Column("alert_id", Uuid, nullable=False),
    Column("content", JSONB, nullable=False),
    Column("state", Text, nullable=False, server_default="queued"),
    Column("reason", Text),
    Column("recorded_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("sent_at", DateTime(timezone=True)),
    Column("delivered_at", DateTime(timezone=True)),  # by the app's word, as are the next two
    Column("opened_at", DateTime(timezone=True)),
    Column("read_at", DateTime(timezone=True)),
    Column("release_at", DateTime(timezone=True)),  # when one that is held is decided on again
    Column("sender", Uuid),  # the batch that is sending it, so that no other that overtakes it sends it too
    Column("tries", SmallInteger, nullable=False, server_default=text("0")),  # to send it, that may work later
    Column("first_tried_at", DateTime(timezone=True)),
    Column("retry_at", DateTime(timezone=True)),  # not before: the gateway may have asked for it
    Column("reached", ARRAY(Uuid), nullable=False, server_default="{}"),  # the devices that have it
    Column("told_with", Uuid),  # the notification that leads the digest it was told in
    # A partitioned key must hold the day; a notification's day never changes with a repeat.
    PrimaryKeyConstraint("id", "fired_on"),
    CheckConstraint(
        "state IN ('queued', 'held', 'sending', 'sent', 'failed', 'suppressed', 'dropped', 'delivered', 'opened')",
        name="state",
    ),
    Index(None, "user_id", "recorded_at"),
    Index(None, "release_at", postgresql_where=text("state = 'held'")),
    postgresql_partition_by="RANGE (fired_on)",
)

# Who may send fares to the gateway. The key itself is known to its producer alone.
producer_keys = Table(
    "producer_keys",
    metadata,
    Column("id", Text, primary_key=True),  # the public part of the key
    Column("hash", LargeBinary, nullable=False),  # SHA-256 of the secret part
    Column("producer", Text, nullable=False),
    Column("source", Text, nullable=False),  # what its fares are said to come from
    Column("lanes", ARRAY(Text), nullable=False),  # into which it may send
    Column("fares_per_minute", Integer, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("expires_at", DateTime(timezone=True)),
    Column("revoked_at", DateTime(timezone=True)),
    CheckConstraint("lanes <@ ARRAY['live', 'sweep'] AND cardinality(lanes) > 0", name="lanes"),
    CheckConstraint("fares_per_minute > 0", name="fares_per_minute"),
)

# Batches of fares that the gateway has answered for and the broker has not taken yet.
spooled_batches = Table(
    "spooled_batches",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),  # in whose order they go
    Column("lane", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("fares", Integer, nullable=False),
    Column("cycle", Text),
    Column("spooled_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    CheckConstraint("lane IN ('live', 'sweep')", name="lane"),
    CheckConstraint("fares > 0", name="fares"),
    Index(None, "lane", "id"),  # each lane is drained by itself
)

# Pushes of the whole fleet are stopped while a row has not been ended: who did it, when and why, and who started them
# again. Here and not in Redis, which may be flushed.
push_stops = Table(
    "push_stops",
    metadata,
    Column("stopped_at", DateTime(timezone=True), primary_key=True, server_default=func.now()),
    Column("stopped_by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("started_at", DateTime(timezone=True)),
    Column("started_by", Text),
    CheckConstraint("(started_at IS NULL) = (started_by IS NULL)", name="started"),
    Index(
        "push_stops_in_force_idx",
        text("(started_at IS NULL)"),
        unique=True,
        postgresql_where=text("started_at IS NULL"),
    ),
)
