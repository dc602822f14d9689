"""Duffel: an offer request searches the airlines, then its offers are read page by page. Pure.

There may be thousands of offers, of ten kilobytes each, so they are not asked for with the offer request.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec

from services.ingest_gateway.sources.apis.answers import (
    NextPage,
    NoLogin,
    read_answer,
    read_error,
    refusal_by_status,
    searched_at,
)
from services.ingest_gateway.sources.apis.duffel_offers import fare_in
from services.ingest_gateway.sources.apis.offers import mapped
from services.ingest_gateway.sources.searches import Search, Searches
from services.ingest_gateway.sources.source import Page, Refusal, Request, Stop, TryAgain
from shared.retry_after import seconds_to_wait

_VERSION: Final = "v2"
_OFFERS: Final = "/air/offers"
_OFFERS_A_PAGE: Final = "200"  # the most there may be
_LIMIT_WINDOW_S: Final = 60.0  # Duffel counts requests by the minute


class _Resource(msgspec.Struct):
    """What tells an offer request from an offer."""

    id: str
    offers: list[msgspec.Raw] | None = None

    @property
    def is_offer_request(self) -> bool:
        return self.id.startswith("orq_")


class _Meta(msgspec.Struct):
    after: str | None = None


class _Answer(msgspec.Struct):
    data: msgspec.Raw
    meta: _Meta | None = None


class _Error(msgspec.Struct):
    code: str


class _Errors(msgspec.Struct):
    errors: Annotated[list[_Error], msgspec.Meta(min_length=1)]


_ANSWER: Final = msgspec.json.Decoder(_Answer)
_DATA: Final = msgspec.json.Decoder(list[msgspec.Raw] | _Resource)
_RESOURCE: Final = msgspec.json.Decoder(_Resource)
_ERRORS: Final = msgspec.json.Decoder(_Errors)


class Duffel(NoLogin):
    """Duffel's API of flights.

    Args:
        source: its name, which its fares bear.
        searches: what each sweep looks for. Duffel chooses the currency.
        secret: an access token.
    """

    def __init__(self, source: str, searches: Searches, secret: str) -> None:
        self._source = source
        self._searches = searches
        self._headers = {
            "Authorization": f"Bearer {secret}",
            "Duffel-Version": _VERSION,
            "Accept": "application/json",
        }

    def requests(self, today: date) -> Iterator[Request]:
        """An offer request for each search."""
        for search in self._searches.on(today):
            yield Request(
                "POST",
                "/air/offer_requests",
                what=str(search),
                query={"return_offers": "false"},
                headers=self._headers | {"Content-Type": "application/json"},
                body=msgspec.json.encode({"data": _asked(search)}),
            )

    def read(self, request: Request, body: bytes, observed_at: datetime) -> Page:
        """The offers in an answer, and the way to those that are not in it."""
        answer = read_answer(_ANSWER, body)
        data = bytes(answer.data)
        found = read_answer(_DATA, data)
        seen_at = searched_at(request, observed_at)
        resources = found if isinstance(found, list) else [msgspec.Raw(data)]
        offers = (offer for resource in resources for offer in _offers_in(resource))
        following = _after(request, answer.meta) if isinstance(found, list) else _of_request(found)
        further = [self._next_page(request, following, seen_at)] if following else []
        return Page(mapped(offers, lambda offer: fare_in(offer, seen_at, self._source)), further)

    def refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> Refusal:
        """What a status asks for; Duffel says when its minute ends, but not in `Retry-After`."""
        said = read_error(_ERRORS, body)
        refusal = refusal_by_status(status, said.errors[0].code if said else "")
        if status in {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_ACCEPTABLE}:
            return Stop(refusal.reason)  # the version or the form of the request, which all of them have
        if status == HTTPStatus.TOO_MANY_REQUESTS and "retry-after" not in headers:
            return TryAgain(refusal.reason, _minute_ends_in(headers))
        return refusal

    def _next_page(self, request: Request, query: Mapping[str, str], seen_at: datetime) -> NextPage:
        return NextPage("GET", _OFFERS, what=request.what, query=query, headers=self._headers, searched_at=seen_at)


def _asked(search: Search) -> dict[str, Any]:
    """An offer request for one adult, in any cabin."""
    ways = [(search.origin, search.destination, search.departure_date)]
    if search.return_date:
        ways.append((search.destination, search.origin, search.return_date))
    slices = [{"origin": origin, "destination": to, "departure_date": day} for origin, to, day in ways]
    return {"slices": slices, "passengers": [{"type": "adult"}]}


def _offers_in(resource: msgspec.Raw) -> Sequence[msgspec.Raw]:
    """Those of an offer request; an offer is its own, and what is neither is set aside as one."""
    try:
        found = _RESOURCE.decode(resource)
    except (msgspec.DecodeError, RecursionError):
        return [resource]
    return (found.offers or []) if found.is_offer_request else [resource]


def _of_request(resource: _Resource) -> Mapping[str, str]:
    """Where the offers of an offer request are that came without them."""
    if not resource.is_offer_request or resource.offers is not None:
        return {}
    return {"offer_request_id": resource.id, "limit": _OFFERS_A_PAGE}


def _after(request: Request, meta: _Meta | None) -> Mapping[str, str]:
    """Where the page is that follows a page of offers."""
    after = meta.after if meta else None
    if request.path != _OFFERS or not after or after == request.query.get("after"):
        return {}
    return {**request.query, "after": after}


def _minute_ends_in(headers: Mapping[str, str]) -> float:
    """By the clock of Duffel, which dates its answers."""
    try:
        now = parsedate_to_datetime(headers["date"]).replace(tzinfo=UTC)
    except (KeyError, ValueError, OverflowError):
        return _LIMIT_WINDOW_S
    seconds = seconds_to_wait(headers.get("ratelimit-reset"), now)
    return _LIMIT_WINDOW_S if seconds is None else min(max(seconds, 1.0), _LIMIT_WINDOW_S)
