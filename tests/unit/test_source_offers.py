"""What makes an offer a fare, for whichever travel API it comes from."""

from datetime import UTC, date, datetime, time
from decimal import Decimal

import pytest

from services.ingest_gateway.sources.apis.offers import Leg, NoFareError, Offer, Reason, fare_of, in_minor_units

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
OUT = Leg("LHR", "JFK", datetime(2026, 12, 24, 18, 25, 40), "BA", "117", 1, "business")  # noqa: DTZ001  # a local time
BACK = Leg("JFK", "LHR", datetime(2027, 1, 3, 22, 0), "BA", "118", 2)  # noqa: DTZ001  # a local time
FAR_END = Leg("EWR", "LHR", BACK.departing_at, "BA", "188", 0)


@pytest.mark.parametrize(
    ("price", "currency", "amount"),
    [
        ("45.00", "GBP", 4_500),
        ("17.68", "EUR", 1_768),
        ("20.6", "EUR", 2_060),
        ("1.10", "EUR", 110),  # 110.00000000000001 in binary
        ("12000", "JPY", 12_000),
        ("12000.00", "JPY", 12_000),
        ("12.345", "KWD", 12_345),
        ("1E+3", "EUR", 100_000),
        ("45.000", "GBP", 4_500),
    ],
)
def test_a_price_becomes_minor_units_exactly(price: str, currency: str, amount: int) -> None:
    assert in_minor_units(Decimal(price), currency) == amount


@pytest.mark.parametrize(
    ("price", "currency", "reason"),
    [
        (None, "EUR", Reason.PRICE_MISSING),
        ("0.00", "EUR", Reason.PRICE_MISSING),
        ("0", "???", Reason.PRICE_MISSING),
        ("-1.00", "EUR", Reason.PRICE_NEGATIVE),
        ("NaN", "EUR", Reason.PRICE_MALFORMED),
        ("Infinity", "EUR", Reason.PRICE_MALFORMED),
        ("17.685", "EUR", Reason.PRICE_MALFORMED),
        ("1200.5", "JPY", Reason.PRICE_MALFORMED),
        ("1E-999999999", "EUR", Reason.PRICE_MALFORMED),
        ("1E+999999999", "EUR", Reason.PRICE_TOO_LARGE),
        ("45.00", "XAU", Reason.CURRENCY_UNKNOWN),
        ("45.00", "eur", Reason.CURRENCY_UNKNOWN),
        ("45.00", "", Reason.CURRENCY_UNKNOWN),
    ],
)
def test_what_is_no_price_has_its_reason(price: str | None, currency: str, reason: Reason) -> None:
    with pytest.raises(NoFareError) as caught:
        in_minor_units(Decimal(price) if price else None, currency)

    assert caught.value.reason == reason


def test_an_offer_out_and_back_is_a_fare_with_the_stops_of_the_longer_way() -> None:
    assert fare_of(Offer([OUT, BACK], Decimal("399.00"), "GBP"), NOW, "test") == {
        "origin": "LHR",
        "destination": "JFK",
        "departure_date": date(2026, 12, 24),
        "return_date": date(2027, 1, 3),
        "carrier": "BA",
        "flight_number": "117",
        "departure_time": time(18, 25),
        "cabin": "business",
        "stops": 2,
        "currency": "GBP",
        "price": 39_900,
        "observed_at": NOW,
        "source": "test",
    }


def test_an_offer_of_one_direction_has_no_return() -> None:
    fare = fare_of(Offer([OUT], Decimal("399.00"), "GBP"), NOW, "test")

    assert (fare["return_date"], fare["stops"]) == (None, 1)


@pytest.mark.parametrize("legs", [[OUT, FAR_END], [OUT, OUT], [OUT, BACK, OUT]])
def test_a_journey_that_does_not_lead_back_to_where_it_began_is_set_aside(legs: list[Leg]) -> None:
    assert _reason(Offer(legs, Decimal(1), "EUR")) == Reason.MULTI_CITY


@pytest.mark.parametrize("stops", [-1, 8, 10**30])
def test_impossible_stops_are_set_aside_on_the_way_out_and_on_the_way_back(stops: int) -> None:
    out = Leg("LHR", "JFK", OUT.departing_at, None, None, stops)
    back = Leg("JFK", "LHR", BACK.departing_at, None, None, stops)

    assert _reason(Offer([out, BACK], Decimal(1), "EUR")) == Reason.STOPS_MALFORMED
    assert _reason(Offer([OUT, back], Decimal(1), "EUR")) == Reason.STOPS_MALFORMED


def test_an_offer_of_nothing_is_set_aside() -> None:
    assert _reason(Offer([], Decimal(1), "EUR")) == Reason.OFFER_MALFORMED


def _reason(offer: Offer) -> Reason:
    with pytest.raises(NoFareError) as caught:
        fare_of(offer, NOW, "test")
    return caught.value.reason
