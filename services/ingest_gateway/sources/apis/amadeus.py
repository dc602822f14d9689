"""Amadeus' self-service search of flight offers, and those that speak like it. Pure.

One answer has all offers of a search. A token comes from a login with the client's credentials.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Annotated, Final
from urllib.parse import urlencode

import msgspec

from services.ingest_gateway.sources.apis.answers import read_answer, read_error, reason_of, refusal_by_status
from services.ingest_gateway.sources.apis.offers import Leg, Offer, fare_of, mapped
from services.ingest_gateway.sources.searches import Search, Searches
from services.ingest_gateway.sources.source import FareValues, LogInAgain, Page, Refusal, Request, Stop, Token
from shared.messages.codes import CABINS

_MOST_OFFERS: Final = "250"  # in an answer
_TOKEN_FAULTS: Final = {"38190", "38192", "38193"}  # it is invalid, expired, revoked: a new one may do


class _Departure(msgspec.Struct, rename="camel"):
    iata_code: str
    at: datetime


class _Arrival(msgspec.Struct, rename="camel"):
    iata_code: str


class _Segment(msgspec.Struct, rename="camel"):
    departure: _Departure
    arrival: _Arrival
    carrier_code: str | None = None
    number: str | None = None
    number_of_stops: int = 0


class _Itinerary(msgspec.Struct):
    segments: Annotated[list[_Segment], msgspec.Meta(min_length=1)]


class _Price(msgspec.Struct, rename="camel"):
    currency: str
    grand_total: Decimal | None = None


class _FareDetails(msgspec.Struct):
    cabin: str | None = None


class _TravelerPricing(msgspec.Struct, rename="camel"):
    fare_details_by_segment: list[_FareDetails] = []


class _Offer(msgspec.Struct, rename="camel"):
    itineraries: list[_Itinerary]
    price: _Price
    traveler_pricings: list[_TravelerPricing] = []


class _Answer(msgspec.Struct):
    data: list[msgspec.Raw]


class _Error(msgspec.Struct):
    """`code` and `status` are numbers in some answers and texts in others."""

    code: int | str = ""
    title: str = ""


class _Errors(msgspec.Struct):
    errors: Annotated[list[_Error], msgspec.Meta(min_length=1)]


class _LoginError(msgspec.Struct):
    error: str


class _Grant(msgspec.Struct):
    access_token: Annotated[str, msgspec.Meta(min_length=1)]
    expires_in: Annotated[int, msgspec.Meta(gt=0)]


_ANSWER: Final = msgspec.json.Decoder(_Answer)
_OFFER: Final = msgspec.json.Decoder(_Offer)
_ERRORS: Final = msgspec.json.Decoder(_Errors)
_LOGIN_ERROR: Final = msgspec.json.Decoder(_LoginError)
_GRANT: Final = msgspec.json.Decoder(_Grant)


class Amadeus:
    """Amadeus' flight offers.

    Args:
        source: its name, which its fares bear.
        searches: what each sweep looks for.
        secret: the client's id and its secret, with a colon between.
    """

    def __init__(self, source: str, searches: Searches, secret: str) -> None:
        self._source = source
        self._searches = searches
        self._client_id, _, self._client_secret = secret.partition(":")

    def requests(self, today: date) -> Iterator[Request]:
        """A search of flight offers each."""
        for search in self._searches.on(today):
            query = _asked(search, self._searches.currency)
            yield Request("GET", "/v2/shopping/flight-offers", what=str(search), query=query)

    def read(self, request: Request, body: bytes, observed_at: datetime) -> Page:  # noqa: ARG002  # the protocol's
        """All offers of a search."""
        answer = read_answer(_ANSWER, body)
        return Page(mapped(answer.data, lambda offer: _fare(offer, observed_at, self._source)))

    def refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> Refusal:  # noqa: ARG002  # the protocol's
        """What a status asks for; a login that is refused stops the source, whatever its status."""
        login = read_error(_LOGIN_ERROR, body)
        if status < HTTPStatus.INTERNAL_SERVER_ERROR and login and (said := reason_of(login.error)):
            return Stop(said)
        found = read_error(_ERRORS, body)
        error = found.errors[0] if found else _Error()
        refusal = refusal_by_status(status, error.title)
        if status == HTTPStatus.UNAUTHORIZED and str(error.code) in _TOKEN_FAULTS:
            return LogInAgain(refusal.reason)
        return refusal

    def login(self) -> Request:
        """The OAuth 2 grant for a client's own credentials."""
        grant = {
            "grant_type": "client_credentials",
            "client_id": self._client_id,
            "client_secret": self._client_secret,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        body = urlencode(grant).encode()
        return Request("POST", "/v1/security/oauth2/token", what="login", headers=headers, body=body)

    def token(self, body: bytes) -> Token:
        """The access token of a grant."""
        grant = read_answer(_GRANT, body)
        return Token(grant.access_token, grant.expires_in)


def _asked(search: Search, currency: str) -> dict[str, str]:
    query = {
        "originLocationCode": search.origin,
        "destinationLocationCode": search.destination,
        "departureDate": search.departure_date.isoformat(),
        "adults": "1",
        "currencyCode": currency,
        "max": _MOST_OFFERS,
    }
    if search.return_date:
        query["returnDate"] = search.return_date.isoformat()
    return query


def _fare(raw: msgspec.Raw, observed_at: datetime, source: str) -> FareValues:
    offer = _OFFER.decode(raw)
    legs = [_leg(itinerary.segments, _cabin(offer)) for itinerary in offer.itineraries]
    return fare_of(Offer(legs, offer.price.grand_total, offer.price.currency), observed_at, source)


def _leg(segments: Sequence[_Segment], cabin: str) -> Leg:
    first = segments[0]
    return Leg(
        origin=first.departure.iata_code,
        destination=segments[-1].arrival.iata_code,
        departing_at=first.departure.at,
        carrier=first.carrier_code,
        flight_number=first.number,
        stops=len(segments) - 1 + sum(segment.number_of_stops for segment in segments),
        cabin=cabin,
    )


def _cabin(offer: _Offer) -> str:
    """The cabin of the first traveller on the first flight."""
    details = (detail for pricing in offer.traveler_pricings for detail in pricing.fare_details_by_segment)
    first = next(details, None)
    return first.cabin.lower() if first and first.cabin else CABINS[0]
