"""Travelpayouts' data API: the prices that travellers have found in the last two days, for a route and dates. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Final

import msgspec

from services.ingest_gateway.sources.apis.answers import (
    NextPage,
    NoLogin,
    read_answer,
    read_error,
    refusal_by_status,
    searched_at,
)
from services.ingest_gateway.sources.apis.offers import Leg, Offer, fare_of, mapped
from services.ingest_gateway.sources.searches import Search, Searches
from services.ingest_gateway.sources.source import FareValues, Page, Refusal, Request, Skip, TryAgain
from shared.errors import UnreadableError

_PATH: Final = "/aviasales/v3/prices_for_dates"
_TICKETS_A_PAGE: Final = 1_000  # the most there may be
_LIMIT_WINDOW_S: Final = 60.0  # requests are counted by the minute, and what is too much is locked out until it ends


class _Ticket(msgspec.Struct):
    """The airports, not the cities; times are those of the airport; no return is an empty text."""

    origin_airport: str
    destination_airport: str
    departure_at: datetime
    price: Decimal | None = None
    airline: str | None = None
    flight_number: int | str | None = None
    transfers: int = 0
    return_at: str | None = None
    return_transfers: int | None = None


class _Answer(msgspec.Struct):
    data: list[msgspec.Raw]
    currency: str
    success: bool


class _Failure(msgspec.Struct):
    success: bool


_ANSWER: Final = msgspec.json.Decoder(_Answer)
_TICKET: Final = msgspec.json.Decoder(_Ticket)
_FAILURE: Final = msgspec.json.Decoder(_Failure)


class Travelpayouts(NoLogin):
    """Travelpayouts' prices for dates.

    Args:
        source: its name, which its fares bear.
        searches: what each sweep looks for.
        secret: an access token.
    """

    def __init__(self, source: str, searches: Searches, secret: str) -> None:
        self._source = source
        self._searches = searches
        self._headers = {"X-Access-Token": secret, "Accept": "application/json"}

    def requests(self, today: date) -> Iterator[Request]:
        """The first page of each search."""
        for search in self._searches.on(today):
            query = _asked(search, self._searches.currency)
            yield Request("GET", _PATH, what=str(search), query=query, headers=self._headers)

    def read(self, request: Request, body: bytes, observed_at: datetime) -> Page:
        """The tickets on a page; after a full one there may be another."""
        answer = read_answer(_ANSWER, body)
        if not answer.success:
            raise UnreadableError("no_success", "the answer says that it is none")
        seen_at = searched_at(request, observed_at)
        reading = _Reading(answer.currency.upper(), seen_at, self._source)
        full = len(answer.data) >= int(request.query["limit"])
        return Page(mapped(answer.data, reading.fare), [_next_page(request, seen_at)] if full else [])

    def refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> Refusal:
        """What a status asks for; some errors come with status 200."""
        failure = read_error(_FAILURE, body)
        if status < HTTPStatus.MULTIPLE_CHOICES and failure and not failure.success:
            return Skip("no_success")
        refusal = refusal_by_status(status)
        if status == HTTPStatus.TOO_MANY_REQUESTS and "retry-after" not in headers:
            return TryAgain(refusal.reason, _LIMIT_WINDOW_S)
        return refusal


@dataclass(frozen=True, slots=True)
class _Reading:
    """What the tickets of a page have in common."""

    currency: str
    seen_at: datetime
    source: str

    def fare(self, raw: msgspec.Raw) -> FareValues:
        ticket = _TICKET.decode(raw)
        legs = [
            Leg(
                origin=ticket.origin_airport,
                destination=ticket.destination_airport,
                departing_at=ticket.departure_at,
                carrier=ticket.airline,
                flight_number=None if ticket.flight_number is None else str(ticket.flight_number),
                stops=ticket.transfers,
            )
        ]
        if ticket.return_at:
            legs.append(_way_back(ticket, ticket.return_at))
        return fare_of(Offer(legs, ticket.price, self.currency), self.seen_at, self.source)


def _asked(search: Search, currency: str) -> dict[str, str]:
    query = {
        "origin": search.origin,
        "destination": search.destination,
        "departure_at": search.departure_date.isoformat(),
        "one_way": "false" if search.return_date else "true",
        "currency": currency.lower(),
        "limit": str(_TICKETS_A_PAGE),
        "page": "1",
    }
    if search.return_date:
        query["return_at"] = search.return_date.isoformat()
    return query


def _next_page(request: Request, seen_at: datetime) -> NextPage:
    query = {**request.query, "page": str(int(request.query["page"]) + 1)}
    return NextPage("GET", _PATH, what=request.what, query=query, headers=request.headers, searched_at=seen_at)


def _way_back(ticket: _Ticket, return_at: str) -> Leg:
    return Leg(
        origin=ticket.destination_airport,
        destination=ticket.origin_airport,
        departing_at=msgspec.convert(return_at, datetime),
        carrier=ticket.airline,
        flight_number=None,
        stops=ticket.return_transfers or 0,
    )
