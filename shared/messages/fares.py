"""Fare batches: what sources publish to `fares.ingest` and price workers read."""

from datetime import date, datetime

import msgspec
import pyarrow as pa

from shared.messages.batches import Contract

FARE_FIELDS = (
    pa.field("origin", pa.string()),
    pa.field("destination", pa.string()),
    pa.field("departure_date", pa.date32()),
    pa.field("return_date", pa.date32()),
    pa.field("carrier", pa.string()),
    pa.field("flight_number", pa.string()),
    pa.field("departure_time", pa.time32("s")),
    pa.field("cabin", pa.string()),
    pa.field("stops", pa.uint8()),
    pa.field("currency", pa.string()),
    pa.field("price", pa.int64()),
    pa.field("observed_at", pa.timestamp("ms", tz="UTC")),
    pa.field("source", pa.string()),
)


class FareDocument(msgspec.Struct, kw_only=True, frozen=True):
    """One fare as a JSON document.

    Numbers stay raw here because a float such as `12000.0` must not pass for minor units.
    """

    origin: str
    destination: str
    departure_date: date
    return_date: date | None = None
    carrier: str | None = None
    flight_number: str | None = None
    departure_time: str | None = None
    cabin: str = "economy"
    stops: msgspec.Raw = msgspec.Raw(b"0")
    currency: str
    price: msgspec.Raw
    observed_at: datetime
    source: str


FARES = Contract("farelark.fares", 1, pa.schema(FARE_FIELDS), FareDocument)
FARES_SCHEMA = FARES.schema
