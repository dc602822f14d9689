"""The accounts database: who the travellers are, where they are reached, what they were told."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Index,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB

from shared.schema.naming import NAMING

metadata = MetaData(naming_convention=NAMING)

users = Table(
    "users",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("email", Text, nullable=False, unique=True),
    Column("password_hash", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    CheckConstraint("email = lower(email)", name="email_lower"),
)

devices = Table(
    "devices",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    # Firebase gives a token to one installation: whoever registered it last holds it.
    Column("token", Text, nullable=False, unique=True),
    Column("platform", Text, nullable=False),
    Column("locale", Text, nullable=False),
    Column("time_zone", Text, nullable=False),
    Column("app_version", Text),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("last_seen_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("retired_at", DateTime(timezone=True)),
    Column("retired_reason", Text),
    CheckConstraint("platform IN ('android', 'ios', 'web')", name="platform"),
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
    # The day leads because a partitioned key must hold it; a notification's day never changes with a repeat.
    PrimaryKeyConstraint("fired_on", "id"),
    CheckConstraint("state IN ('queued', 'sent', 'failed', 'dropped')", name="state"),
    Index(None, "user_id", "recorded_at"),
    Index(None, "id"),
    postgresql_partition_by="RANGE (fired_on)",
)
