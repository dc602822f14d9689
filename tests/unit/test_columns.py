"""A document that is invalid is set aside with its reason, and the others of its batch go on."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pytest

from shared.messages.batches import ARROW, JSON, Contract, decode
from shared.messages.changes import CHANGES, check_amounts
from shared.messages.columns import Check, FareColumns, validate
from shared.messages.fares import FARES
from shared.money import MAX_PRICE
from tests.unit.fares import LIFETIME, NOW, Document, arrow_of, change, fare, json_of, nothing_further, rows_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read(
    body: bytes, content_type: str, contract: Contract = FARES, check: Check = nothing_further
) -> tuple[FareColumns, dict[str, int]]:
    decoded = decode(contract, body, content_type)
    columns, findings = validate(decoded.rows, NOW, LIFETIME, check)
    return columns, dict(Counter(decoded.set_aside) + Counter(findings.counts()))


def faults_among_good_fares(body: bytes, content_type: str = JSON) -> dict[str, int]:
    """The faults of a batch whose good fares, whatever the bad ones are, must be there."""
    columns, faults = read(body, content_type)
    assert columns.price.tolist() == [39900, 39900]
    assert columns.rows["price"].to_pylist() == [39900, 39900]
    return faults


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("price", 0, "price_missing"),
        ("price", None, "price_missing"),
        ("price", -1, "price_negative"),
        ("price", -39900, "price_negative"),
        ("price", 39900.0, "price_malformed"),
        ("price", 39900.5, "price_malformed"),
        ("price", "39900", "price_malformed"),
        ("price", True, "price_malformed"),
        ("price", [39900], "price_malformed"),
        ("price", 10**18, "price_malformed"),
        ("price", 10**400, "price_malformed"),
        ("price", MAX_PRICE + 1, "price_too_large"),
        ("currency", "QQQ", "currency_unknown"),
        ("currency", "XXX", "currency_unknown"),
        ("currency", "usd", "currency_malformed"),
        ("currency", "USD\n", "currency_malformed"),
        ("currency", "", "currency_malformed"),
        ("currency", 840, "currency_malformed"),
        ("destination", "JFK", "origin_is_destination"),
        ("origin", "jfk", "origin_malformed"),
        ("origin", "JF", "origin_malformed"),
        ("origin", "BCN\n", "origin_malformed"),
        ("origin", " JFK", "origin_malformed"),
        ("origin", "\u0408FK", "origin_malformed"),  # a Cyrillic letter that looks like J
        ("origin", "\uff2a\uff26\uff2b", "origin_malformed"),  # full-width letters
        ("origin", "QQQ", "origin_unknown"),
        ("origin", None, "origin_malformed"),
        ("destination", "LON", "destination_unknown"),  # a city, no airport
        ("destination", "", "destination_malformed"),
        ("departure_date", "2026-02-30", "departure_date_malformed"),
        ("departure_date", "24.12.2026", "departure_date_malformed"),
        ("departure_date", 20811, "departure_date_malformed"),
        ("departure_date", None, "departure_date_malformed"),
        ("departure_date", "1970-01-01", "departure_date_missing"),
        ("departure_date", "2026-11-20", "departure_date_past"),
        ("departure_date", "0001-01-01", "departure_date_past"),
        ("departure_date", "2028-11-24", "departure_date_too_far"),
        ("departure_date", "9999-12-31", "departure_date_too_far"),
        ("return_date", "2026-12-23", "return_date_before_departure"),
        ("return_date", "1970-01-01", "return_date_before_departure"),
        ("return_date", "2028-11-24", "return_date_too_far"),
        ("return_date", "", "return_date_malformed"),
        ("carrier", "B", "carrier_malformed"),
        ("carrier", "ba", "carrier_malformed"),
        ("carrier", "B A", "carrier_malformed"),
        ("carrier", "BA ", "carrier_malformed"),
        ("carrier", "BAWX", "carrier_malformed"),
        ("carrier", "", "carrier_malformed"),
        ("flight_number", "117/118", "flight_number_malformed"),
        ("flight_number", "12345", "flight_number_malformed"),
        ("flight_number", "117AB", "flight_number_malformed"),
        ("flight_number", "A", "flight_number_malformed"),
        ("flight_number", "117\n", "flight_number_malformed"),
        ("flight_number", "\u0661\u0661\u0667", "flight_number_malformed"),  # digits, but Arabic ones
        ("flight_number", "", "flight_number_malformed"),
        ("flight_number", 117, "flight_number_malformed"),
        ("departure_time", "24:00", "departure_time_malformed"),
        ("departure_time", "18:60", "departure_time_malformed"),
        ("departure_time", "18:25:30", "departure_time_malformed"),
        ("departure_time", "6:25", "departure_time_malformed"),
        ("departure_time", "18:25\n", "departure_time_malformed"),
        ("cabin", "roof", "cabin_unknown"),
        ("cabin", None, "cabin_malformed"),
        ("stops", 8, "stops_malformed"),
        ("stops", -1, "stops_malformed"),
        ("stops", 256, "stops_malformed"),
        ("stops", 1.0, "stops_malformed"),
        ("stops", None, "stops_malformed"),
        ("observed_at", "2026-11-22T12:05:01Z", "observed_at_future"),
        ("observed_at", "9999-12-31T23:59:59Z", "observed_at_future"),
        ("observed_at", "2026-11-19T11:59:59Z", "observed_at_long_ago"),
        ("observed_at", "1066-10-14T09:00:00Z", "observed_at_long_ago"),
        ("observed_at", "2026-11-22T06:00:00", "observed_at_malformed"),
        ("observed_at", "0001-01-01T00:00:00+14:00", "observed_at_malformed"),
        ("observed_at", "9999-12-31T23:59:59-14:00", "observed_at_malformed"),
        ("observed_at", 1795327200, "observed_at_malformed"),
        ("source", "", "source_missing"),
        ("source", "x" * 65, "source_malformed"),
        ("source", None, "source_malformed"),
    ],
)
def test_a_bad_field_sets_its_document_aside_and_no_other(field: str, value: object, reason: str) -> None:
    assert faults_among_good_fares(json_of(fare(), fare(**{field: value}), fare())) == {reason: 1}


def test_a_number_that_no_float_can_hold_is_malformed() -> None:
    body = json_of(fare(), fare(price=1234567), fare())
    assert faults_among_good_fares(body.replace(b"1234567", b"1e400")) == {"price_malformed": 1}


@pytest.mark.parametrize(
    "name", ["origin", "destination", "departure_date", "currency", "price", "observed_at", "source"]
)
def test_a_field_that_is_left_out_is_missing(name: str) -> None:
    without = {field: value for field, value in fare().items() if field != name}
    assert faults_among_good_fares(json_of(fare(), without, fare())) == {f"{name}_missing": 1}


@pytest.mark.parametrize("document", [b"1", b"null", b'"JFK"', b"[]", b"{}"])
def test_what_is_no_document_at_all_is_set_aside(document: bytes) -> None:
    body = b"[%b,%b,%b]" % (json_of(fare())[1:-1], document, json_of(fare())[1:-1])
    assert sum(faults_among_good_fares(body).values()) == 1


def test_faults_are_counted_by_their_first_reason() -> None:
    documents = [fare(), fare(price=0), fare(price=0, origin="QQQ"), fare(price=-5), fare(price=0), fare()]
    for body, content_type in ((json_of(*documents), JSON), (arrow_of(FARES, *documents), ARROW)):
        assert faults_among_good_fares(body, content_type) == {
            "price_missing": 2,
            "origin_unknown": 1,
            "price_negative": 1,
        }


@pytest.mark.parametrize("name", ["origin", "departure_date", "cabin", "currency", "price", "observed_at", "source"])
def test_an_arrow_row_without_a_needed_field_is_set_aside(name: str) -> None:
    rows = arrow_of(FARES, fare(), fare(**{name: None}), fare())
    assert faults_among_good_fares(rows, ARROW) == {f"{name}_missing": 1}


def test_a_batch_of_nothing_but_bad_documents_is_empty() -> None:
    columns, faults = read(json_of(fare(price=0), fare(currency="QQQ")), JSON)

    assert (columns.rows.num_rows, len(columns.board)) == (0, 0)
    assert faults == {"price_missing": 1, "currency_unknown": 1}


@pytest.mark.parametrize(
    "fields",
    [
        {"seats": 3, "legs": [{"price": "free"}], "note": None},  # fields of a newer sender are kept out
        {"departure_date": "2026-11-21"},  # it is still yesterday somewhere
        {"departure_date": "2028-11-23", "return_date": "2028-11-23"},
        {"return_date": "2026-12-24"},
        {"observed_at": "2026-11-22T12:05:00Z"},
        {"observed_at": "2026-11-22T07:00:00+01:00"},
        {"observed_at": "2026-11-19T12:00:00Z"},
        {"carrier": "U2"},
        {"carrier": "EZY", "flight_number": "9999Z"},
        {"carrier": None, "flight_number": None, "departure_time": None},
        {"departure_time": "00:00"},
        {"departure_time": "23:59"},
        {"stops": 7, "cabin": "premium_economy"},
    ],
)
def test_what_is_unusual_but_possible_is_taken(fields: Document) -> None:
    columns, faults = read(json_of(fare(**fields)), JSON)

    assert not faults
    assert columns.price.tolist() == [39900]


def test_optional_fields_may_be_left_out() -> None:
    optional = {"return_date", "carrier", "flight_number", "departure_time", "cabin", "stops"}
    least = {name: value for name, value in fare().items() if name not in optional}

    columns, faults = read(json_of(least), JSON)

    assert not faults
    assert columns.rows.equals(
        rows_of(FARES, fare(return_date=None, carrier=None, flight_number=None, departure_time=None))
    )


def test_the_price_may_be_as_high_as_the_limit() -> None:
    assert read(json_of(fare(price=MAX_PRICE)), JSON)[0].price.tolist() == [MAX_PRICE]


def test_json_and_arrow_of_the_same_documents_are_the_same_columns() -> None:
    documents = [fare(), fare(price=0), fare(origin="LGA", carrier=None), fare(return_date="2027-01-03"), fare(stops=9)]

    (from_json, json_faults), (from_arrow, arrow_faults) = (
        read(json_of(*documents), JSON),
        read(arrow_of(FARES, *documents), ARROW),
    )

    assert json_faults == arrow_faults
    assert from_json.rows.equals(from_arrow.rows)
    for name in ("board", "fare", "price", "observed_at"):
        np.testing.assert_array_equal(getattr(from_json, name), getattr(from_arrow, name))


def test_observations_are_milliseconds_since_1970() -> None:
    columns, _ = read(json_of(fare(observed_at="2026-11-22T06:00:00.123Z")), JSON)
    expected = datetime(2026, 11, 22, 6, 0, 0, 123_000, tzinfo=UTC) - EPOCH

    assert columns.observed_at.tolist() == [round(expected.total_seconds() * 1000)]


def test_leading_zeros_make_no_other_flight() -> None:
    columns, _ = read(json_of(fare(flight_number="7"), fare(flight_number="0007"), fare(flight_number="70")), JSON)

    assert columns.fare[0] == columns.fare[1] != columns.fare[2]


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("reference_price", 0, "reference_price_missing"),
        ("reference_price", None, "reference_price_missing"),
        ("reference_price", -1, "reference_price_negative"),
        ("reference_price", 36000.0, "reference_price_malformed"),
        ("previous_price", 0, "previous_price_not_positive"),
        ("previous_price", -1, "previous_price_not_positive"),
        ("previous_reference_price", 0, "previous_price_not_positive"),
        ("previous_price", None, "previous_price_incomplete"),
        ("previous_reference_price", None, "previous_price_incomplete"),
        ("previous_price", "45000", "previous_price_malformed"),
        ("price", 0, "price_missing"),
    ],
)
def test_a_change_whose_amounts_make_no_sense_is_set_aside(field: str, value: object, reason: str) -> None:
    first_sight = change(previous_price=None, previous_reference_price=None)

    columns, faults = read(json_of(change(), change(**{field: value}), first_sight), JSON, CHANGES, check_amounts)

    assert faults == {reason: 1}
    assert columns.rows["previous_price"].to_pylist() == [45000, None]


@pytest.mark.parametrize("further", [lambda bad: bad, lambda bad: ~bad])
def test_a_callers_own_check_sets_aside_what_it_notes(further: Callable[[np.ndarray], np.ndarray]) -> None:
    bad = further(np.array([True, False]))

    columns, faults = read(
        json_of(fare(price=1), fare(price=2)), JSON, FARES, lambda _rows, _currency, found: found.note("odd", bad)
    )

    assert faults == {"odd": 1}
    assert columns.price.tolist() == (2 - np.flatnonzero(bad)).tolist()
