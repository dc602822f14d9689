"""The mess in files of fares is mapped, or set aside with its reason."""

from datetime import UTC, date, datetime, time

import pyarrow as pa
import pytest

from shared.fare_texts import fields
from shared.fare_texts.carriers import NAMES, carrier
from shared.fare_texts.columns import TEXTS
from shared.fare_texts.mapping import MappedTexts, fares_of

GOOD = {
    "origin": "BCN",
    "destination": "BUD",
    "departure_date": "2026-04-01",
    "carrier": "W6",
    "flight_number": "2376",
    "departure_time": "09:15",
    "cabin": "economy",
    "stops": "0",
    "currency": "EUR",
    "price": "109.99",
    "observed_at": "2026-03-01",
}


def mapped(**texts: str | None) -> MappedTexts:
    """One good row with these texts in place of its own."""
    return fares_of(pa.Table.from_pylist([GOOD | texts], schema=TEXTS), source="test")


@pytest.mark.parametrize(
    ("column", "text", "reason"),
    [
        ("price", "0", "price_missing"),
        ("price", "0.00", "price_missing"),
        ("price", None, "price_missing"),
        ("price", "-5", "price_malformed"),
        ("price", "NaN", "price_malformed"),
        ("price", "1e400", "price_malformed"),
        ("price", "NT$0", "price_malformed"),
        ("price", "1_000", "price_malformed"),
        ("price", "\u0661\u0662", "price_malformed"),
        ("price", "109.999", "price_malformed"),
        ("price", "109.99999", "price_malformed"),
        ("price", "9" * 30, "price_malformed"),
        ("currency", "EURO", "currency_malformed"),
        ("currency", "XAU", "currency_malformed"),
        ("currency", None, "currency_missing"),
        ("origin", "BC", "origin_malformed"),
        ("origin", "\u0412CN", "origin_malformed"),
        ("destination", "B1D", "destination_malformed"),
        ("departure_date", "2026-02-30", "departure_date_malformed"),
        ("departure_date", "01/04/2026", "departure_date_malformed"),
        ("departure_date", None, "departure_date_missing"),
        ("return_date", "soon", "return_date_malformed"),
        ("return_date", "2026-03-31", "return_date_before_departure"),
        ("observed_at", "13.09.2026 16:08", "observed_at_malformed"),
        ("observed_at", "0001-01-01T00:00:00+05:00", "observed_at_malformed"),
        ("cabin", "steerage", "cabin_malformed"),
        ("stops", "8", "stops_malformed"),
        ("stops", "-1", "stops_malformed"),
    ],
)
def test_a_row_without_sense_is_set_aside_for_one_reason(column: str, text: str | None, reason: str) -> None:
    result = mapped(**{column: text})

    assert result.set_aside == {reason: 1}
    assert result.fares.num_rows == 0
    assert not result.mapped


def test_a_row_with_several_faults_is_counted_once() -> None:
    assert mapped(price="0", origin="??", currency=None).set_aside == {"currency_missing": 1}


@pytest.mark.parametrize(
    ("column", "text", "value", "note"),
    [
        ("flight_number", None, None, "flight_number_unknown"),
        ("flight_number", "charter", None, "flight_number_unknown"),
        ("flight_number", "2376/2378", "2376", "first_of_several_flights"),
        ("carrier", "Unknown", None, "carrier_unknown"),
        ("carrier", "KLMDelta", "KL", "carrier_by_name"),
        ("departure_time", "noon", None, "departure_time_unknown"),
        ("cabin", None, "economy", "cabin_taken_as_economy"),
        ("stops", None, 0, "stops_taken_as_0"),
    ],
)
def test_what_a_fare_can_do_without_is_mapped_and_counted(
    column: str, text: str | None, value: object, note: str
) -> None:
    result = mapped(**{column: text})

    assert result.fares[column].to_pylist() == [value]
    assert result.mapped == {note: 1}
    assert not result.set_aside


@pytest.mark.parametrize(
    ("price", "currency", "minor_units"),
    [
        ("109.99", "EUR", 10_999),
        ("0.1", "usd", 10),
        ("20990", "HUF", 2_099_000),
        ("12000", "JPY", 12_000),
        ("12000.000000", "JPY", 12_000),
        ("1.2345", "CLF", 12_345),
        ("1.234", "KWD", 1_234),
        ("8999999999.99", "EUR", 899_999_999_999),
    ],
)
def test_prices_become_minor_units_exactly(price: str, currency: str, minor_units: int) -> None:
    assert mapped(price=price, currency=currency).fares["price"].to_pylist() == [minor_units]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("2376", "2376"),
        ("W6 2376", "2376"),
        ("W62376", "2376"),
        ("WZZ2376", "2376"),
        ("u2 12a / u2 14", "12A"),
        ("12345", None),
        ("", None),
        ("\u0661\u0662", None),
    ],
)
def test_flight_numbers_lose_the_carrier_and_keep_the_first(text: str, number: str | None) -> None:
    assert fields.flight_number(text) == number


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("W6", "W6"),
        ("DLH", "DLH"),
        ("KLM", "KL"),
        ("DeltaKLM, Virgin Atlantic", "DL"),
        ("Air FranceDelta", "AF"),
        ("Air CanadaAir China", "AC"),
        ("China SouthernChina Airlines", "CZ"),
        ("THAIBangkok Airways", "TG"),
        ("Iberia Express", "I2"),
        ("  lufthansa ", "LH"),
        ("Deltawing Charter", None),
        ("Unknown", None),
        ("42", None),
    ],
)
def test_the_first_carrier_named_is_the_carrier(text: str, code: str | None) -> None:
    assert carrier(text) == code


def test_every_carrier_name_gives_its_own_code() -> None:
    assert {name: carrier(name) for name in NAMES} == NAMES


def test_instants_dates_and_times_are_read_as_iso_8601() -> None:
    assert fields.instant("2026-07-08") == datetime(2026, 7, 8, tzinfo=UTC)
    assert fields.instant("2026-07-08T01:00:00+02:00") == datetime(2026, 7, 7, 23, tzinfo=UTC)
    assert fields.day("2026-07-08 00:00:00.000000000") == date(2026, 7, 8)
    assert fields.clock_time("9:05/17:40") == time(9, 5)
    assert fields.clock_time("23:59:30") == time(23, 59)
    assert fields.cabin("Premium Economy") == "premium_economy"
