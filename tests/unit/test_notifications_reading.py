"""Reading notices: what is refused, what is set aside, and what senders of other versions say."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import UnreadableError
from shared.messages.notifications import (
    JSON,
    MAX_BODY_BYTES,
    MAX_NOTICES,
    Decoded,
    decode,
)
from tests.unit.notice_bodies import (
    DOCUMENT,
    FARE,
    array,
    document,
    document_of_expiry,
    document_of_fare,
    only,
    reason_of,
)


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
        document_of_expiry(departure_to="9999-12-31"),
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


@given(st.binary() | st.text().map(str.encode))
def test_no_body_does_worse_than_being_unreadable(body: bytes) -> None:
    assert reason_of(body)
