"""Notices as messages: what they are called and filed under, and that what is written is read back."""

from datetime import UTC, date, datetime, timedelta, timezone
from itertools import product
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from tests.unit.notice_bodies import ALERT, array, document, document_of_expiry, document_of_fare, fired, only


def test_a_firing_is_filed_under_its_day_in_utc() -> None:
    assert only(document(fired_at="2026-10-01T23:59:59Z")).day == date(2026, 10, 1)


@pytest.mark.parametrize("noticed", ["2026-10-01T12:00:00Z", "2026-12-24T00:00:00Z"])
def test_an_expiry_is_filed_under_the_day_on_which_the_alert_was_over_whenever_that_is_noticed(noticed: str) -> None:
    assert only(document_of_expiry(departure_to="2026-09-30", expired_at=noticed)).day == date(2026, 10, 1)


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
    departure_to=st.dates(max_value=date.max - timedelta(days=1)),
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
