"""From the offers of a travel API to fares: what all of them have in common. Pure.

An offer is one direction, or out and back between the same two airports, at a price for all of it. What is no fare is
set aside for one reason.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Final

import msgspec

from services.ingest_gateway.sources.source import FareValues, Mapped
from shared.messages.codes import CABINS
from shared.messages.columns import MAX_STOPS
from shared.money import MAX_PRICE, UnknownCurrencyError, minor_units

_SMALLEST_PRICE: Final = Decimal("0.0001")  # no currency of ISO 4217 has more decimal digits


class Reason(StrEnum):
    """Why an offer is no fare. What may be wrong with a fare is found where fares are taken in."""

    OFFER_MALFORMED = "offer_malformed"
    OFFER_PARTIAL = "offer_partial"  # the price of one direction when it is combined with another
    OFFER_EXPIRED = "offer_expired"
    SOLD_OUT = "sold_out"
    MULTI_CITY = "multi_city"
    STOPS_MALFORMED = "stops_malformed"
    FLIGHT_NUMBER_MALFORMED = "flight_number_malformed"
    PRICE_MISSING = "price_missing"
    PRICE_NEGATIVE = "price_negative"
    PRICE_TOO_LARGE = "price_too_large"
    PRICE_MALFORMED = "price_malformed"
    CURRENCY_UNKNOWN = "currency_unknown"


class NoFareError(Exception):
    """An offer is no fare."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Leg:
    """One direction, all its flights together; carrier, number and cabin are those of the first.

    `departing_at` is the local time of the airport, with or without an offset. `stops` counts the landings on the way.
    """

    origin: str | None
    destination: str | None
    departing_at: datetime
    carrier: str | None
    flight_number: str | None
    stops: int
    cabin: str = CABINS[0]


@dataclass(frozen=True, slots=True)
class Offer:
    """One leg or several, at a price for one traveller; None or 0 is no price."""

    legs: Sequence[Leg]
    price: Decimal | None
    currency: str


def mapped(offers: Iterable[msgspec.Raw], fare: Callable[[msgspec.Raw], FareValues]) -> Mapped:
    """Read each offer by itself, so that a bad one costs no other."""
    fares: list[FareValues] = []
    set_aside: Counter[str] = Counter()
    for offer in offers:
        try:
            fares.append(fare(offer))
        except NoFareError as error:
            set_aside[error.reason.value] += 1
        except (msgspec.DecodeError, RecursionError):
            set_aside[Reason.OFFER_MALFORMED.value] += 1
    return Mapped(fares, set_aside)


def fare_of(offer: Offer, observed_at: datetime, source: str) -> FareValues:
    """The fare that an offer is.

    A return has as many stops as its longer way: whoever wants few wants them both ways.

    Raises:
        NoFareError: it is none.
    """
    outbound, inbound = _out_and_back(offer.legs)
    stops = max(leg.stops for leg in offer.legs)
    if not 0 <= min(leg.stops for leg in offer.legs) <= stops <= MAX_STOPS:
        raise NoFareError(Reason.STOPS_MALFORMED)
    return {
        "origin": outbound.origin,
        "destination": outbound.destination,
        "departure_date": outbound.departing_at.date(),
        "return_date": inbound.departing_at.date() if inbound else None,
        "carrier": outbound.carrier,
        "flight_number": outbound.flight_number,
        "departure_time": time(outbound.departing_at.hour, outbound.departing_at.minute),
        "cabin": outbound.cabin,
        "stops": stops,
        "currency": offer.currency,
        "price": in_minor_units(offer.price, offer.currency),
        "observed_at": observed_at,
        "source": source,
    }


def in_minor_units(price: Decimal | None, currency: str) -> int:
    """A price in minor units of its currency, exactly.

    Raises:
        NoFareError: it is no price, or has digits that the currency does not have.
    """
    _check_size(price or Decimal(0))
    try:
        amount = Fraction(price or 0) * 10 ** minor_units(currency)
    except UnknownCurrencyError:
        raise NoFareError(Reason.CURRENCY_UNKNOWN) from None
    if amount.denominator != 1:
        raise NoFareError(Reason.PRICE_MALFORMED)
    return int(amount)


def _check_size(price: Decimal) -> None:
    """Before it is expanded: ten characters may claim a billion digits."""
    if not price.is_finite():
        raise NoFareError(Reason.PRICE_MALFORMED)
    if price == 0:
        raise NoFareError(Reason.PRICE_MISSING)
    if price < 0:
        raise NoFareError(Reason.PRICE_NEGATIVE)
    if price > MAX_PRICE:
        raise NoFareError(Reason.PRICE_TOO_LARGE)
    if price < _SMALLEST_PRICE:
        raise NoFareError(Reason.PRICE_MALFORMED)


def _out_and_back(legs: Sequence[Leg]) -> tuple[Leg, Leg | None]:
    if not legs:
        raise NoFareError(Reason.OFFER_MALFORMED)
    outbound, *others = legs
    if not others:
        return outbound, None
    inbound = others[0]
    if len(others) > 1 or (inbound.origin, inbound.destination) != (outbound.destination, outbound.origin):
        raise NoFareError(Reason.MULTI_CITY)
    return outbound, inbound
