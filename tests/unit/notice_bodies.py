"""Notices as bodies of messages, right and wrong, and how they are read."""

import json
from typing import Any
from uuid import UUID

import pytest

from shared.errors import UnreadableError
from shared.messages.notifications import (
    JSON,
    Notice,
    Notification,
    decode,
)

ALERT = UUID("7b0f4a3e-5d1c-4e6f-9a52-0c3d8e1f2a4b")

FARE: dict[str, Any] = {
    "origin": "JFK",
    "destination": "LHR",
    "departure_date": "2026-12-24",
    "carrier": "BA",
    "flight_number": "117",
    "departure_time": "18:25",
    "cabin": "economy",
    "stops": 0,
    "currency": "USD",
    "price": 39900,
    "observed_at": "2026-10-01T06:00:00Z",
    "source": "test",
}
DOCUMENT: dict[str, Any] = {
    "kind": "fired",
    "id": str(UUID(int=1)),
    "alert_id": str(ALERT),
    "user_id": str(UUID(int=2)),
    "revision": 2,
    "fire_seq": 3,
    "fired_at": "2026-10-01T06:00:01Z",
    "route": "NYC-LON",
    "fare": FARE,
    "previous_price": 45000,
    "reference_price": 36000,
    "armed_price": 37000,
}
EXPIRY: dict[str, Any] = {
    "kind": "expired",
    "id": str(UUID(int=1)),
    "alert_id": str(ALERT),
    "user_id": str(UUID(int=2)),
    "revision": 2,
    "expired_at": "2026-10-01T06:00:01Z",
    "route": "NYC-LON",
    "departure_from": "2026-09-01",
    "departure_to": "2026-09-30",
}


def document(**changes: object) -> bytes:
    return json.dumps(DOCUMENT | changes).encode()


def document_of_expiry(**changes: object) -> bytes:
    return json.dumps(EXPIRY | changes).encode()


def document_of_fare(**changes: object) -> bytes:
    return document(fare=FARE | changes)


def array(*documents: bytes) -> bytes:
    return b"[" + b",".join(documents) + b"]"


def only(body: bytes) -> Notice:
    (notice,) = decode(body, JSON).notices
    return notice


def fired(body: bytes) -> Notification:
    notice = only(body)
    assert isinstance(notice, Notification)
    return notice


def reason_of(body: bytes, content_type: str | None = JSON) -> str:
    with pytest.raises(UnreadableError) as caught:
        decode(body, content_type)
    return caught.value.reason
