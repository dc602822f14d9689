"""A shard: the alerts of the routes whose buckets it holds."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from shared.schema.naming import NAMING

metadata = MetaData(naming_convention=NAMING)

alerts = Table(
    "alerts",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid, nullable=False),
    Column("route", Text, nullable=False),
    # Null means any airport of the city.
    Column("origin_airports", ARRAY(Text)),
    Column("destination_airports", ARRAY(Text)),
    Column("departure_from", Date, nullable=False),
    Column("departure_to", Date, nullable=False),
    Column("rule", Text, nullable=False),
    # Minor units of the alert's own currency; armed and last price are in the reference currency.
    Column("target", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("armed_price", BigInteger),
    Column("state", Text, nullable=False, server_default="active"),
    Column("fire_seq", Integer, nullable=False, server_default="0"),
    Column("last_price", BigInteger),
    Column("last_fare", Text),
    Column("last_fired_at", DateTime(timezone=True)),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    CheckConstraint("departure_from <= departure_to", name="departure"),
    CheckConstraint("rule IN ('target')", name="rule"),
    CheckConstraint("target > 0", name="target"),
    CheckConstraint("state IN ('active', 'paused')", name="state"),
    CheckConstraint("fire_seq >= 0", name="fire_seq"),
    Index(None, "user_id", "created_at"),
    # A change reads the alerts of its route in the price band that it crossed from this index alone, which
    # holds only while the visibility map is fresh: hence the eager vacuum below.
    Index(
        "alerts_armed_idx",
        "route",
        "armed_price",
        postgresql_include=[
            "id",
            "departure_from",
            "departure_to",
            "origin_airports",
            "destination_airports",
        ],
        postgresql_where=text("state = 'active'"),
    ),
    postgresql_with={
        "autovacuum_vacuum_scale_factor": 0.02,
        "autovacuum_vacuum_insert_scale_factor": 0.02,
    },
)
