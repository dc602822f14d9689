"""Builders of plausible fares and changes, as documents and as batches."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pyarrow as pa

from shared.messages.batches import Contract, encode
from shared.messages.changes import CHANGES, check_amounts
from shared.messages.columns import Check, FareColumns, validate
from shared.messages.fares import FARES

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LIFETIME = timedelta(days=3)

READERS: dict[str, Callable[[str], date | time]] = {
    "departure_date": date.fromisoformat,
    "return_date": date.fromisoformat,
    "departure_time": time.fromisoformat,
    "observed_at": datetime.fromisoformat,
}

Document = dict[str, Any]


def fare(**fields: object) -> Document:
    """A fare as a JSON document."""
    usual = {
        "origin": "JFK",
        "destination": "LHR",
        "departure_date": "2026-12-24",
        "return_date": None,
        "carrier": "BA",
        "flight_number": "117",
        "departure_time": "18:25",
        "cabin": "economy",
        "stops": 0,
        "currency": "USD",
        "price": 39900,
        "observed_at": "2026-11-22T06:00:00Z",
        "source": "test",
    }
    return usual | fields


def change(**fields: object) -> Document:
    """A change as a JSON document."""
    prices = {"reference_price": 36000, "previous_price": 45000, "previous_reference_price": 40600}
    return fare() | prices | fields


def json_of(*documents: Mapping[str, object]) -> bytes:
    """The documents as the body of a message."""
    return json.dumps(documents).encode()


def rows_of(contract: Contract, *documents: Document) -> pa.RecordBatch:
    """The documents as a record batch, made without the code that reads JSON."""
    return pa.RecordBatch.from_pylist([_typed(document) for document in documents], schema=contract.schema)


def arrow_of(contract: Contract, *documents: Document) -> bytes:
    """The documents as an Arrow stream."""
    return encode(contract, rows_of(contract, *documents))


def nothing_further(*_: object) -> None:
    """The check of a caller who asks nothing beyond what all batches ask."""


def columns_of(*documents: Document) -> FareColumns:
    """Fares as a price worker sees them; all must be valid."""
    return _columns(FARES, documents, nothing_further)


def changes_of(*documents: Document) -> FareColumns:
    """Changes as an alert worker sees them; all must be valid."""
    return _columns(CHANGES, documents, check_amounts)


def _columns(contract: Contract, documents: tuple[Document, ...], check_further: Check) -> FareColumns:
    columns, findings = validate(rows_of(contract, *documents), NOW, LIFETIME, check_further)
    assert findings.good.all()
    return columns


def _typed(document: Document) -> Document:
    typed = {name: READERS[name](text) for name, text in document.items() if name in READERS and text}
    return document | typed
