"""A shard: alerts and price history of the routes whose buckets it holds, and what it knows of map and rates."""

from datetime import date
from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Double,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from shared.schema.naming import NAMING

metadata = MetaData(naming_convention=NAMING)

alerts = Table(
    "alerts",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid, nullable=False),
    Column("route", Text, nullable=False),
    # Null means any airport of the city; so it does for every filter: null lets all through.
    Column("origin_airports", ARRAY(Text)),
    Column("destination_airports", ARRAY(Text)),
    Column("departure_from", Date, nullable=False),
    Column("departure_to", Date, nullable=False),
    Column("rule", Text, nullable=False),
    # Minor units of the alert's own currency; all other prices are in the reference currency.
    Column("target", BigInteger),
    Column("currency", Text, nullable=False),
    # `shared.alerts.rules.UNSET` until a baseline is known.
    Column("armed_price", BigInteger, nullable=False),
    Column("state", Text, nullable=False, server_default="active"),
    Column("fire_seq", Integer, nullable=False, server_default="0"),
    Column("last_price", BigInteger),
    Column("last_fare", Text),
    Column("last_fired_at", DateTime(timezone=True)),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("round_trip", Boolean, nullable=False, server_default=text("false")),
    Column("return_from", Date),
    Column("return_to", Date),
    Column("nights_min", SmallInteger),
    Column("nights_max", SmallInteger),
    Column("weekdays", SmallInteger),  # of the departure, bit 0 is Monday
    Column("cabin", SmallInteger),  # its position among `CABINS`
    Column("max_stops", SmallInteger),
    Column("carriers", ARRAY(Text)),
    Column("excluded_carriers", ARRAY(Text)),
    Column("percent", SmallInteger),  # of the rule `drop`
    Column("improvement", SmallInteger, nullable=False, server_default=text("2")),
    Column("rearm", Text, nullable=False, server_default="recovery"),
    # The armed price that it was given when it was made or last edited; what it returns to on recovery.
    Column("initial_price", BigInteger, nullable=False),
    Column("rates_date", Date),  # at whose rates its reference amounts are
    Column("revision", Integer, nullable=False, server_default="0"),  # moves up with every edit
    # The fare that holds its armed price below the initial one, as packed keys with the sign of a bigint.
    Column("watched_board", BigInteger),
    Column("watched_fare", BigInteger),
    Column("watched_at", BigInteger),  # when it was seen at that price, in ms since 1970
    Column("check_at", DateTime(timezone=True)),  # when to evaluate it once more
    CheckConstraint("departure_from <= departure_to", name="departure"),
    CheckConstraint(
        "CASE rule"
        " WHEN 'target' THEN target IS NOT NULL AND percent IS NULL"
        " WHEN 'drop' THEN target IS NULL AND percent BETWEEN 1 AND 99"
        " WHEN 'new_low' THEN target IS NULL AND percent IS NULL"
        " ELSE false END",
        name="rule",
    ),
    CheckConstraint("target > 0", name="target"),
    CheckConstraint("state IN ('active', 'paused', 'fired', 'expired')", name="state"),
    CheckConstraint("rearm IN ('once', 'recovery')", name="rearm"),
    CheckConstraint("improvement BETWEEN 1 AND 99", name="improvement"),
    CheckConstraint("fire_seq >= 0", name="fire_seq"),
    Index(None, "user_id", "created_at"),
    # A change reads the alerts of its route in the price band that it crossed from this index alone, which
    # holds only while the visibility map is fresh: hence the eager vacuum below.
    Index(
        "alerts_armed_idx",
        "route",
        "round_trip",
        "armed_price",
        postgresql_include=[
            "id",
            "departure_from",
            "departure_to",
            "origin_airports",
            "destination_airports",
            "return_from",
            "return_to",
            "nights_min",
            "nights_max",
            "weekdays",
            "cabin",
            "max_stops",
            "carriers",
            "excluded_carriers",
        ],
        postgresql_where=text("state = 'active'"),
    ),
    Index(
        "alerts_watched_idx",
        "watched_board",
        postgresql_include=["id", "watched_fare"],
        postgresql_where=text("state = 'active' AND watched_board IS NOT NULL"),
    ),
    Index(None, "check_at", postgresql_where=text("check_at IS NOT NULL")),
    postgresql_with={
        "autovacuum_vacuum_scale_factor": 0.02,
        "autovacuum_vacuum_insert_scale_factor": 0.02,
    },
)

# One row. Every transaction on alerts reads it first: the table lock that a SELECT holds until its transaction
# ends is what `shards move` waits for, and what makes the others wait for the switch.
shard_state = Table(
    "shard_state",
    metadata,
    Column("single", Boolean, primary_key=True, server_default=text("true")),
    Column("map_version", Integer, nullable=False),
    Column("shards", ARRAY(SmallInteger), nullable=False),  # the shard of each bucket
    Column("rates_date", Date, nullable=False),  # of the snapshot in use
    # How far rates can have lifted an armed price since it was set: 1.05 is by at most 5 %.
    Column("reach", Double, nullable=False, server_default=text("1")),
    CheckConstraint("single", name="single"),
    CheckConstraint("cardinality(shards) = 1024", name="shards"),
    CheckConstraint("reach >= 1", name="reach"),
)

# Every snapshot of exchange rates that was ever in use; `factors` is that of `shared.money.Rates`.
rates = Table(
    "rates",
    metadata,
    Column("date", Date, primary_key=True),
    Column("reference", Text, nullable=False),
    Column("factors", JSONB, nullable=False),
    Column("loaded_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

# Alerts that an edit moves here from another shard: safe, and not active before the source notes that its own
# row is gone (`shared.alerts.moves`).
arriving_alerts = Table(
    "arriving_alerts",
    metadata,
    Column("move", Uuid, primary_key=True),
    Column("id", Uuid, nullable=False),
    Column("source", SmallInteger, nullable=False),
    Column("content", JSONB, nullable=False),
    Column("arrived_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

# The moves that have taken their alert away from here.
departed_alerts = Table(
    "departed_alerts",
    metadata,
    Column("move", Uuid, primary_key=True),
    Column("departed_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

# Alerts of a bucket that `shards move` brings here and has not yet switched, or has taken away from here and
# not yet dropped.
bucket_transit = Table(
    "bucket_transit",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("bucket", SmallInteger, nullable=False),
    Column("content", JSONB, nullable=False),
)

# The return date of one-way fares in the history, as in board keys: a key has no room for null.
ONE_WAY: Final = date(1970, 1, 1)

# What a route cost over time: a row for each day (UTC) on which a price was first seen or changed. Prices are in
# minor units of `currency`, their reference amounts at the rates of then.
price_history = Table(
    "price_history",
    metadata,
    Column("route", Text, nullable=False),
    Column("departure_date", Date, nullable=False),
    Column("return_date", Date, nullable=False),  # `ONE_WAY` where there is none
    Column("cabin", SmallInteger, nullable=False),  # its position among `CABINS`
    Column("currency", Text, nullable=False),
    Column("observed_on", Date, nullable=False),
    Column("low", BigInteger, nullable=False),
    Column("high", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("low_reference", BigInteger, nullable=False),
    Column("last_reference", BigInteger, nullable=False),
    Column("last_observed_at", DateTime(timezone=True), nullable=False),
    Column("changes", Integer, nullable=False),
    PrimaryKeyConstraint("route", "departure_date", "return_date", "cabin", "currency", "observed_on"),
    CheckConstraint("0 < low AND low <= last AND last <= high", name="prices"),
    CheckConstraint("low_reference > 0 AND last_reference > 0", name="references"),
    CheckConstraint("changes > 0", name="changes"),
    postgresql_partition_by="RANGE (departure_date)",
)

# The messages of changes that the history has counted, so that one which is delivered again is not counted again.
# They are forgotten when no repeat can come any more.
counted_messages = Table(
    "counted_messages",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("counted_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Index(None, "counted_at"),
)
