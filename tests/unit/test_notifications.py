"""Notices as messages: of a firing, and of an alert's end."""

import json
from datetime import UTC, date, datetime, timedelta, timezone
from itertools import product
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import UnreadableError
from shared.messages.codes import MAX_SOURCE
from shared.messages.notifications import (
    JSON,
    MAX_BODY_BYTES,
    MAX_NOTICES,
    Decoded,
    Expiry,
    Fare,
    Notice,
    Notification,
    decode,
    encode,
    encode_one,
    expiry_id,
    notification_id,
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


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty_body"),
        (b"\xff\xfe", "not_utf8"),
        (document_of_fare(unknown="x").replace(b'"x"', b'"\xff"'), "not_utf8"),
        (document()[:-10], "json_malformed"),
        (document() + b"{}", "json_malformed"),
        (document() + b"\x00", "json_malformed"),
        (array(document(), document_of_fare(unknown="x").replace(b'"x"', b'"\xff"')), "not_utf8"),
        (array(document(), document())[:-1], "json_malformed"),
        (array(document()) + array(document()), "json_malformed"),
        (document() + b"," + document(), "json_malformed"),
        (array(document(), document_of_fare().replace(b"39900", b"NaN")), "json_malformed"),
        (b'{"unknown":' + b"[" * 15_000, "json_malformed"),
        (b"[" * 100_000, "json_malformed"),
        (document(unknown="x" * MAX_BODY_BYTES), "body_too_large"),
        (b" " * MAX_BODY_BYTES + document(), "body_too_large"),
        (b"[]", "wrong_length"),
        (array(*[document()] * (MAX_NOTICES + 1)), "wrong_length"),
        (array(*[b"1"] * (MAX_NOTICES + 1)), "wrong_length"),
        (b"[[]]", "wrong_schema"),
        (b"{}", "wrong_schema"),
        (b"null", "wrong_schema"),
        (b"\x1f\x8b\x08\x00", "not_utf8"),
    ],
)
def test_a_body_that_is_no_notification_is_unreadable_with_its_reason(body: bytes, reason: str) -> None:
    assert reason == reason_of(body)


@pytest.mark.parametrize(
    "content_type", [None, "", "text/plain", "application/vnd.apache.arrow.stream", "application/json; encoding=gzip"]
)
def test_only_plain_json_is_read(content_type: str | None) -> None:
    assert reason_of(document(), content_type) == "wrong_content_type"


@pytest.mark.parametrize(
    "body",
    [
        document(id="1"),
        document(id=None),
        document(kind="gone"),
        document(kind=None),
        document(kind="expired"),
        document(revision=-1),
        document(revision=2**63),
        document(fire_seq=0),
        document(fire_seq="3"),
        document(fire_seq=True),
        document(fire_seq=2**63),
        document(fired_at="yesterday"),
        document(fired_at="2026-10-01T06:00:01"),
        document(fired_at="2026-10-01T06:00:01+02:00"),
        document(fired_at="9999-12-31T23:59:59-02:00"),
        document(route="NYC-LON\n"),
        document(previous_price=0),
        document(reference_price=-1),
        document(fare=None),
        document_of_fare(price=0),
        document_of_fare(price=-1),
        document_of_fare(price=39900.0),
        document_of_fare(price="39900"),
        document_of_fare(price=2**63),
        document_of_fare().replace(b"39900", b"1e400"),
        document_of_fare().replace(b"39900", b"NaN"),
        document_of_fare(currency="usd"),
        document_of_fare(currency="QQQ"),
        document_of_fare(origin="JF"),
        document_of_fare(origin="JFK\n"),
        document_of_fare(origin="ЈFK"),  # noqa: RUF001  # the first letter is the Cyrillic look-alike of J
        document_of_fare(departure_date="2026-02-30"),
        document_of_fare(departure_time="24:00"),
        document_of_fare(departure_time="18:25\n"),
        document_of_fare(flight_number="117/118"),
        document_of_fare(carrier="B"),
        document_of_fare(cabin="roof"),
        document_of_fare(stops=8),
        document_of_expiry(kind="fired"),
        document_of_expiry(revision=None),
        document_of_expiry(expired_at="2026-10-01T06:00:01+02:00"),
        document_of_expiry(route="NYC"),
        document_of_expiry(departure_to="2026-02-30"),
    ],
)
def test_a_field_of_a_wrong_type_or_range_is_refused(body: bytes) -> None:
    assert reason_of(body) in {"wrong_schema", "json_malformed"}


@pytest.mark.parametrize(
    "bad", [b"1", b"null", b"{}", array(document()), document(fire_seq=0), document_of_fare(currency="QQQ")]
)
def test_an_invalid_notice_is_set_aside_with_its_reason_and_the_others_are_read(bad: bytes) -> None:
    last = document(fire_seq=4)
    decoded = decode(array(document(), bad, document_of_expiry(), bad, last), JSON)
    assert decoded.notices == [only(document()), only(document_of_expiry()), only(last)]
    assert decoded.set_aside == {"wrong_schema": 2}


def test_of_a_message_without_any_valid_notice_the_first_fault_is_told() -> None:
    with pytest.raises(UnreadableError, match=r"wrong_schema: .*fire_seq"):
        decode(array(document(fire_seq=0), document(kind="gone")), JSON)


@pytest.mark.parametrize("around", ["{}", " \r\n\t{}\n"])
def test_one_notice_alone_is_read_as_a_message_of_one(around: str) -> None:
    alone = around.format(document().decode()).encode()
    assert decode(alone, JSON) == decode(array(document()), JSON) == Decoded([only(document())], {})


def test_fields_of_a_newer_sender_are_skipped() -> None:
    assert only(document()) == only(document(fare=FARE | {"seats": 3}, urgency="high"))
    assert only(document_of_expiry()) == only(document_of_expiry(urgency="low"))


def test_what_an_older_sender_does_not_say_is_that_an_alert_never_edited_has_fired() -> None:
    said_then = {name: value for name, value in DOCUMENT.items() if name not in {"kind", "revision"}}
    assert only(document(revision=0)) == only(json.dumps(said_then).encode())


def test_a_notice_is_filed_under_its_day_in_utc() -> None:
    assert only(document(fired_at="2026-10-01T23:59:59Z")).day == date(2026, 10, 1)
    assert only(document_of_expiry(expired_at="2026-10-02T00:00:00Z")).day == date(2026, 10, 2)


def test_a_notification_is_not_made_with_an_instant_of_another_offset() -> None:
    notification = fired(document())
    with pytest.raises(ValueError, match="fired_at must be in UTC"):
        msgspec.structs.replace(notification, fired_at=datetime(2026, 10, 1, tzinfo=timezone(timedelta(hours=2))))


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({}, "JFK-LHR:2026-12-24:BA117@18:25:economy:0:USD"),
        ({"return_date": "2027-01-03"}, "JFK-LHR:2026-12-24:2027-01-03:BA117@18:25:economy:0:USD"),
        ({"carrier": None, "flight_number": None, "departure_time": None}, "JFK-LHR:2026-12-24:@:economy:0:USD"),
    ],
)
def test_the_fare_key_names_what_is_priced(changes: dict[str, Any], key: str) -> None:
    assert key == fired(document_of_fare(**changes)).fare_key


def test_an_id_is_the_same_at_every_repeat_and_of_one_firing_or_end_only() -> None:
    fare = "JFK-LHR:2026-12-24:BA117@18:25:economy:0:USD"
    assert notification_id(ALERT, 0, 3, fare, 39_900) == UUID("9efbc643-1070-5b4a-b3fc-544f31ed4ce1")
    assert expiry_id(ALERT, 0) == UUID("a580ae47-e492-5b66-890a-3a5900ffeeb0")
    alerts, numbers, told = (ALERT, UUID(int=1)), range(20), [(fare, 39_900), (fare, 39_899), (fare + "9", 39_900)]
    firings = {notification_id(*each, *what) for each in product(alerts, numbers, numbers) for what in told}
    ends = {expiry_id(alert, revision) for alert in alerts for revision in numbers}
    assert len(firings | ends) == 2 * 20 * 20 * 3 + 2 * 20


codes = st.from_regex(r"\A[A-Z]{3}\Z")
instants = st.datetimes(timezones=st.just(UTC))
prices = st.integers(1, 2**63 - 1)
revisions = st.integers(0, 2**63 - 1)
routes = st.from_regex(r"\A[A-Z]{3}-[A-Z]{3}\Z")
fares = st.builds(
    Fare,
    origin=codes,
    destination=codes,
    departure_date=st.dates(),
    return_date=st.none() | st.dates(),
    carrier=st.none() | st.from_regex(r"\A[A-Z0-9]{2,3}\Z"),
    flight_number=st.none() | st.from_regex(r"\A[0-9]{1,4}[A-Z]?\Z"),
    departure_time=st.none() | st.times().map(lambda time: f"{time:%H:%M}"),
    cabin=st.sampled_from(["economy", "premium_economy", "business", "first"]),
    stops=st.integers(0, 7),
    currency=st.sampled_from(["EUR", "JPY", "KWD", "USD"]),
    price=prices,
    observed_at=instants,
    source=st.none() | st.text(),
)
notifications = st.builds(
    Notification,
    id=st.uuids(),
    alert_id=st.uuids(),
    user_id=st.uuids(),
    revision=revisions,
    fire_seq=prices,
    fired_at=instants,
    route=routes,
    fare=fares,
    previous_price=st.none() | prices,
    reference_price=st.integers(0, 2**63 - 1),
    armed_price=st.integers(0, 2**63 - 1),
)


expiries = st.builds(
    Expiry,
    id=st.uuids(),
    alert_id=st.uuids(),
    user_id=st.uuids(),
    revision=revisions,
    expired_at=instants,
    route=routes,
    departure_from=st.dates(),
    departure_to=st.dates(),
)


@given(st.lists(notifications | expiries, min_size=1, max_size=3))
def test_what_is_written_is_read_back_in_its_order(notices: list[Notice]) -> None:
    assert decode(encode(notices), JSON) == Decoded(notices, {})
    assert encode(notices) == array(*map(encode_one, notices))


def test_a_message_of_many_notices_with_the_longest_source_is_far_from_too_large() -> None:
    longest = fired(document_of_fare(source="\x00" * MAX_SOURCE, return_date="2027-01-03"))
    body = encode([longest] * MAX_NOTICES)
    assert len(decode(body, JSON).notices) == MAX_NOTICES
    assert len(body) < MAX_BODY_BYTES / 2


@given(st.binary() | st.text().map(str.encode))
def test_no_body_does_worse_than_being_unreadable(body: bytes) -> None:
    assert reason_of(body)
