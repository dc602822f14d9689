"""Changes of a small world in which prices, days and instants collide, and their history in the plainest words."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import pyarrow as pa
from hypothesis import strategies as st

from shared.messages.batches import encode
from shared.messages.changes import CHANGES

NOW = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
DAY = NOW.date() + timedelta(days=30)
CITIES = {"JFK": "NYC", "EWR": "NYC", "LHR": "LON", "BCN": "BCN", "CDG": "PAR", "SIN": "SIN"}

Document = dict[str, Any]


class Key(NamedTuple):
    """What a row of the history is about."""

    route: str
    departure: date
    back: date | None
    cabin: str
    currency: str
    observed_on: date


class Row(NamedTuple):
    """What it says."""

    low: int
    high: int
    last: int
    low_reference: int
    last_reference: int
    last_observed_at: datetime
    changes: int


def change(price: int, **more: object) -> Document:
    """A change of the fare of flight 117, in words of the changes' contract."""
    usual = {
        "origin": "JFK",
        "destination": "LHR",
        "departure_date": DAY,
        "return_date": None,
        "carrier": "BA",
        "flight_number": "117",
        "departure_time": None,
        "cabin": "economy",
        "stops": 0,
        "currency": "EUR",
        "price": price,
        "observed_at": NOW,
        "source": "test",
        "reference_price": price,
        "previous_price": None,
        "previous_reference_price": None,
    }
    return usual | more


def body_of(changes: Sequence[Document]) -> bytes:
    """The changes as a price worker publishes them."""
    return encode(CHANGES, pa.RecordBatch.from_pylist(list(changes), schema=CHANGES.schema))


def history_of(changes: Iterable[Document]) -> dict[Key, Row]:
    """What the history must say of these changes, each counted."""
    of_key: dict[Key, list[Document]] = {}
    for each in changes:
        of_key.setdefault(_key(each), []).append(each)
    return {key: _row(documents) for key, documents in of_key.items()}


def _key(document: Document) -> Key:
    return Key(
        f"{CITIES[document['origin']]}-{CITIES[document['destination']]}",
        document["departure_date"],
        document["return_date"],
        document["cabin"],
        document["currency"],
        document["observed_at"].date(),
    )


def _row(documents: list[Document]) -> Row:
    seen = [(each["price"], each["reference_price"], each["observed_at"]) for each in documents]
    latest = max(at for _, _, at in seen)
    low, low_reference = min((price, reference) for price, reference, _ in seen)
    last, last_reference = min((price, reference) for price, reference, at in seen if at == latest)
    high = max(price for price, _, _ in seen)
    return Row(low, high, last, low_reference, last_reference, latest, len(seen))


_DAYS = [DAY, DAY, DAY + timedelta(days=1), DAY + timedelta(days=40)]
_INSTANTS = [
    NOW,
    NOW,
    NOW - timedelta(milliseconds=1),
    NOW - timedelta(hours=12),  # the day's first instant
    NOW - timedelta(hours=12, milliseconds=1),
    NOW - timedelta(days=2),
]
_prices = st.sampled_from([100, 101, 102, 2**40 - 1])

changes = st.builds(
    change,
    price=_prices,
    reference_price=st.sampled_from([90, 91, 2**41]),
    origin=st.sampled_from(["JFK", "JFK", "EWR", "SIN"]),
    destination=st.sampled_from(["LHR", "LHR", "BCN", "CDG"]),
    departure_date=st.sampled_from(_DAYS),
    return_date=st.sampled_from([None, None, DAY + timedelta(days=41)]),
    cabin=st.sampled_from(["economy", "economy", "first"]),
    currency=st.sampled_from(["EUR", "EUR", "USD", "AED"]),
    flight_number=st.sampled_from(["117", "118"]),
    observed_at=st.sampled_from(_INSTANTS),
)
