"""A fare finder as Ryanair's: for each route and day the cheapest flight, one way or with the way back. Pure.

It is open to all, and turns away whoever asks too fast.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from http import HTTPStatus
from typing import Final

import msgspec

from services.ingest_gateway.sources.apis.answers import NoLogin, read_answer, read_error, refusal_by_status
from services.ingest_gateway.sources.apis.offers import Leg, NoFareError, Offer, Reason, fare_of, mapped
from services.ingest_gateway.sources.searches import Search, Searches
from services.ingest_gateway.sources.source import FareValues, Page, Refusal, Request, Stop

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
# Prices are refreshed within hours; what claims to be older has been found valid again by the answer itself.
_REFRESHED_WITHIN: Final = timedelta(days=1)
_TURNED_AWAY_S: Final = 3_600.0
_TURNS_AWAY: Final = {HTTPStatus.FORBIDDEN, HTTPStatus.CONFLICT}
_FLIGHT: Final = re.compile(r"([A-Z][A-Z0-9]|[0-9][A-Z]) ?([0-9]{1,4}[A-Z]?)")


class _Airport(msgspec.Struct, rename="camel"):
    iata_code: str


class _Flight(msgspec.Struct, rename="camel"):
    departure_airport: _Airport
    arrival_airport: _Airport
    departure_date: datetime
    flight_number: str | None = None
    price_updated: int | None = None  # ms since 1970
    sold_out: bool = False
    unavailable: bool = False


class _Price(msgspec.Struct, rename="camel"):
    value: Decimal
    currency_code: str


class _Summary(msgspec.Struct):
    price: _Price | None = None


class _Fare(msgspec.Struct):
    outbound: _Flight
    summary: _Summary
    inbound: _Flight | None = None

    @property
    def flights(self) -> list[_Flight]:
        return [self.outbound, self.inbound] if self.inbound else [self.outbound]


class _Answer(msgspec.Struct):
    fares: list[msgspec.Raw]


class _Error(msgspec.Struct):
    code: str


_ANSWER: Final = msgspec.json.Decoder(_Answer)
_FARE: Final = msgspec.json.Decoder(_Fare)
_ERROR: Final = msgspec.json.Decoder(_Error)


class Ryanair(NoLogin):
    """Ryanair's fare finder. Routes are between airports: it knows no cities.

    Args:
        source: its name, which its fares bear.
        searches: what each sweep looks for.
        secret: not needed.
    """

    def __init__(self, source: str, searches: Searches, secret: str) -> None:  # noqa: ARG002  # all APIs are made alike
        self._source = source
        self._searches = searches

    def requests(self, today: date) -> Iterator[Request]:
        """A request for each search: a route on a day has one fare, which is one page."""
        for search in self._searches.on(today):
            kind = "roundTripFares" if search.return_date else "oneWayFares"
            query = _asked(search, self._searches.currency)
            headers = {"Accept": "application/json"}
            yield Request("GET", f"/farfnd/v4/{kind}", what=str(search), query=query, headers=headers)

    def read(self, request: Request, body: bytes, observed_at: datetime) -> Page:  # noqa: ARG002  # the protocol's
        """The fares that were found."""
        answer = read_answer(_ANSWER, body)
        return Page(mapped(answer.fares, lambda fare: _fare(fare, observed_at, self._source)))

    def refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> Refusal:  # noqa: ARG002  # the protocol's
        """What a status asks for; whoever is turned away is let in again after some time."""
        error = read_error(_ERROR, body)
        refusal = refusal_by_status(status, error.code if error else "")
        return Stop(refusal.reason, _TURNED_AWAY_S) if status in _TURNS_AWAY else refusal


def _asked(search: Search, currency: str) -> dict[str, str]:
    query = {
        "departureAirportIataCode": search.origin,
        "arrivalAirportIataCode": search.destination,
        "outboundDepartureDateFrom": search.departure_date.isoformat(),
        "outboundDepartureDateTo": search.departure_date.isoformat(),
        "currency": currency,
    }
    if search.return_date:
        query["inboundDepartureDateFrom"] = query["inboundDepartureDateTo"] = search.return_date.isoformat()
    return query


def _fare(raw: msgspec.Raw, observed_at: datetime, source: str) -> FareValues:
    fare = _FARE.decode(raw)
    if any(flight.sold_out or flight.unavailable for flight in fare.flights):
        raise NoFareError(Reason.SOLD_OUT)
    if not fare.summary.price:
        raise NoFareError(Reason.PRICE_MISSING)
    price = fare.summary.price
    offer = Offer([_leg(flight) for flight in fare.flights], price.value, price.currency_code)
    return fare_of(offer, _seen_at(fare, observed_at), source)


def _leg(flight: _Flight) -> Leg:
    """It sells single flights, without a stop, in one cabin."""
    carrier, number = _carrier_and_number(flight.flight_number)
    return Leg(
        origin=flight.departure_airport.iata_code,
        destination=flight.arrival_airport.iata_code,
        departing_at=flight.departure_date,
        carrier=carrier,
        flight_number=number,
        stops=0,
    )


def _carrier_and_number(flight_number: str | None) -> tuple[str | None, str | None]:
    if not flight_number:
        return None, None
    found = _FLIGHT.fullmatch(flight_number)
    if not found:
        raise NoFareError(Reason.FLIGHT_NUMBER_MALFORMED)
    return found[1], found[2]


def _seen_at(fare: _Fare, observed_at: datetime) -> datetime:
    """When the price became what it is, for the finder answers from a cache; of two flights the one that changed last.

    An instant in the future or long ago says nothing, and the answer's own counts.
    """
    updated = [flight.price_updated for flight in fare.flights if flight.price_updated is not None]
    newest = max(updated, default=0)
    age_ms = (observed_at - _EPOCH) // _MILLISECOND - newest
    return _EPOCH + newest * _MILLISECOND if 0 <= age_ms <= _REFRESHED_WITHIN // _MILLISECOND else observed_at
