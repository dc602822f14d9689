"""Each travel API is searched as it wants to be: its credentials, its pages, and the waits and stops of its errors."""

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any

import aiohttp
import pytest

from services.ingest_gateway.sources.api_work import ApiWork
from services.ingest_gateway.sources.halt import Halt
from services.ingest_gateway.sources.opening import api_of
from services.ingest_gateway.sources.settings import ApiSettings
from services.ingest_gateway.sources.source_cycle import Ended, SourceCycle
from services.ingest_gateway.sources.transport import open_session
from shared.fare_lanes import Lane
from shared.sweeps import SweepEnding
from tests.real_data import real_file
from tests.travel_apis import CLIENT, TOKEN, Reply, TravelApis, travel_apis
from tests.unit.keeping_intake import KeepingIntake

# The recorded offers of Duffel are on sale then; every other payload is read alike at any time.
NOW = datetime(2020, 1, 17, 10, 20, tzinfo=UTC)
SECRETS = {"duffel": TOKEN, "amadeus": ":".join(CLIENT), "travelpayouts": TOKEN, "ryanair": ""}
COMPLETE = Ended(SweepEnding.COMPLETE)


class Poller:
    """Sweeps a stand-in once."""

    def __init__(self, session: aiohttp.ClientSession, apis: TravelApis) -> None:
        self._session = session
        self.apis = apis
        self.intake = KeepingIntake()
        self.cycle = SourceCycle.begin("tested", NOW, Halt())

    async def sweep(self, kind: str, secret: str | None = None, **searches: object) -> Ended:
        source = {
            "name": "tested",
            "kind": kind,
            "every": "1h",
            "base_url": self.apis.named(kind).url,
            "requests_per_second": 100,
            "routes": ["LHR-JFK"],
            "days_ahead": [30],
            "secret": "it",
        }
        context = {"it": SECRETS[kind] if secret is None else secret}
        settings = ApiSettings.model_validate(source | searches, context=context)
        work = ApiWork(settings, api_of(settings), self._session, self.intake, lambda: NOW, first_wait_s=0.01)
        return await work.run(self.cycle)

    @property
    def prices(self) -> list[tuple[str, date, int]]:
        """The fares that were given, by route, departure date and price."""
        return sorted(
            (f"{fare['origin']}-{fare['destination']}", fare["departure_date"], fare["price"])
            for fare in self.intake.fares
        )


@pytest.fixture
def apis() -> Iterator[TravelApis]:
    with travel_apis() as apis:
        yield apis


@pytest.fixture
async def poller(apis: TravelApis) -> AsyncIterator[Poller]:
    async with open_session() as session:
        yield Poller(session, apis)


async def test_duffel_is_searched_by_offer_requests_and_their_pages(poller: Poller) -> None:
    duffel = poller.apis.duffel
    listed = real_file("payloads/duffel/get-offers.json").read_bytes()
    duffel.found.extend(
        [real_file("payloads/duffel/create-offer-request.json").read_bytes(), b'{"data": {"id": "orq_1"}}']
    )
    duffel.pages = {
        None: listed,
        json.loads(listed)["meta"]["after"]: real_file("payloads/duffel/get-offer-by-id.json").read_bytes(),
    }

    assert await poller.sweep("duffel", days_ahead=[30, 31, 32]) == COMPLETE

    assert poller.prices == [("LHR-JFK", date(2020, 6, 13), 4_500)] * 2
    assert poller.intake.ways == {(Lane.SWEEP, "tested-20200117T102000Z")}
    assert poller.cycle.set_aside == {"multi_city": 1}
    assert [asked.path for asked in duffel.asked].count("/air/offers") == 2
    assert poller.cycle.counts.requests == len(duffel.asked) == 5


async def test_amadeus_is_searched_with_the_token_of_one_login(poller: Poller) -> None:
    amadeus = poller.apis.amadeus
    amadeus.offers = real_file("payloads/amadeus/flight_offers_reply.json").read_bytes()

    assert await poller.sweep("amadeus", days_ahead=[30, 31, 32]) == COMPLETE

    assert poller.prices == [("SYD-BKK", date(2021, 11, 1), 35_534)] * 6
    assert amadeus.logins == 1


async def test_an_expired_token_of_amadeus_is_renewed_once(poller: Poller) -> None:
    amadeus = poller.apis.amadeus
    amadeus.script.append(expired())

    assert await poller.sweep("amadeus") == COMPLETE

    assert poller.cycle.counts.failed == poller.cycle.counts.skipped == 0
    assert [asked.method for asked in amadeus.asked] == ["POST", "GET", "POST", "GET"]


async def test_a_token_of_amadeus_that_is_to_last_for_ages_is_taken_as_one_for_a_while(poller: Poller) -> None:
    poller.apis.amadeus.expires_in = 10**18  # seconds: more than any calendar has

    assert await poller.sweep("amadeus", days_ahead=[30, 31]) == COMPLETE

    assert poller.cycle.counts.failed == 0
    assert poller.apis.amadeus.logins == 1


async def test_amadeus_is_left_alone_when_a_new_token_is_refused_as_well(poller: Poller) -> None:
    poller.apis.amadeus.script.extend([expired(), expired()])

    assert await poller.sweep("amadeus") == Ended(SweepEnding.STOPPED, "access_token_expired")


def expired() -> Reply:
    return Reply(b'{"errors": [{"code": 38192, "title": "Access token expired", "status": 401}]}', 401)


async def test_travelpayouts_is_read_page_by_page(poller: Poller) -> None:
    poller.apis.travelpayouts.tickets = [ticket(number) for number in range(1, 1_002)]

    assert await poller.sweep("travelpayouts") == COMPLETE

    assert len(poller.intake.fares) == 1_001
    assert len({fare["flight_number"] for fare in poller.intake.fares}) == 1_001
    assert [asked.query["page"] for asked in poller.apis.travelpayouts.asked] == ["1", "2"]


def ticket(number: int) -> dict[str, Any]:
    return {
        "origin_airport": "LHR",
        "destination_airport": "JFK",
        "price": 399,
        "airline": "BA",
        "flight_number": number,
        "departure_at": "2020-02-16T08:05:00Z",
        "return_at": "",
        "transfers": 0,
    }


async def test_ryanair_is_searched_one_way_and_out_and_back(poller: Poller) -> None:
    ryanair = poller.apis.ryanair
    ryanair.one_way = real_file("payloads/ryanair/mocked_one_way_response.json").read_bytes()
    ryanair.round_trip = real_file("payloads/ryanair/mocked_return_response.json").read_bytes()

    assert await poller.sweep("ryanair", nights=[1]) == COMPLETE

    assert [(route, price) for route, _, price in poller.prices] == [
        ("DUB-BRS", 1_768),
        ("DUB-EDI", 1_768),
        ("DUB-LBA", 3_635),
        ("DUB-LPL", 3_911),
    ]


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("duffel", "access_token_not_found"),
        ("amadeus", "invalid_client"),
        ("travelpayouts", "unauthorized"),
    ],
)
async def test_wrong_credentials_stop_a_source_at_its_first_request(poller: Poller, kind: str, reason: str) -> None:
    ended = await poller.sweep(kind, secret="forgotten", days_ahead=[30, 31, 32], requests_per_second=0.1)

    assert ended == Ended(SweepEnding.STOPPED, reason)
    assert len(poller.apis.named(kind).asked) == 1


def recorded_errors(*statuses: int) -> list[Reply]:
    recorded = json.loads(real_file("payloads/amadeus/error_bodies.json").read_bytes())
    return [
        Reply(json.dumps(one["body"]).encode(), one["http"])
        for one in recorded
        if one["api"] == "amadeus" and one["http"] in statuses
    ]


async def test_recorded_errors_of_amadeus_that_pass_are_waited_for(poller: Poller) -> None:
    errors = recorded_errors(429, 500)
    poller.apis.amadeus.script.extend(errors)

    assert await poller.sweep("amadeus") == COMPLETE

    searches = [asked for asked in poller.apis.amadeus.asked if asked.method == "GET"]
    assert len(searches) == len(errors) + 1 == 4
    assert poller.cycle.counts.failed == poller.cycle.counts.skipped == 0


async def test_the_recorded_answer_of_amadeus_that_it_has_nothing_ends_that_search_alone(poller: Poller) -> None:
    amadeus = poller.apis.amadeus
    amadeus.offers = real_file("payloads/amadeus/flight_offers_reply.json").read_bytes()
    amadeus.script.extend(recorded_errors(404))

    assert await poller.sweep("amadeus", days_ahead=[30, 31]) == COMPLETE

    assert (poller.cycle.counts.skipped, len(poller.intake.fares)) == (1, 2)


HOUR: Mapping[str, str] = {"Retry-After": "3600"}
AT_ONCE: Mapping[str, str] = {"Retry-After": "0"}


@pytest.mark.parametrize(
    ("kind", "reply", "ended", "requests", "skipped"),
    [
        ("duffel", Reply(b"{}", 429, AT_ONCE), COMPLETE, 2, 0),
        ("duffel", Reply(b"{}", 429, HOUR), Ended(SweepEnding.STOPPED, "too_many_requests", 3_600), 1, 0),
        ("duffel", Reply(b"<html>", 502), COMPLETE, 2, 0),
        ("duffel", Reply(b'{"errors": [{"code": "validation_required"}]}', 422), COMPLETE, 1, 1),
        ("duffel", Reply(b'{"errors": [{"code": "gone"}]}', 400), Ended(SweepEnding.STOPPED, "gone"), 1, 0),
        ("duffel", Reply(b'{"data": {"id": "orq_1", "offers": [{'), COMPLETE, 2, 0),
        ("travelpayouts", Reply(b"", 429, AT_ONCE), COMPLETE, 2, 0),
        ("travelpayouts", Reply(b"", 503), COMPLETE, 2, 0),
        ("travelpayouts", Reply(b'{"success": false, "error": "x", "data": null}'), COMPLETE, 1, 1),
        ("travelpayouts", Reply(b"", 400), COMPLETE, 1, 1),
        ("travelpayouts", Reply(b"", 403), Ended(SweepEnding.STOPPED, "forbidden"), 1, 0),
        ("ryanair", Reply(b"", 429, AT_ONCE), COMPLETE, 2, 0),
        ("ryanair", Reply(b'{"code": "InvalidRoute"}', 400), COMPLETE, 1, 1),
        ("ryanair", Reply(b"", 403), Ended(SweepEnding.STOPPED, "forbidden", 3_600), 1, 0),
        ("ryanair", Reply(b"<html>maintenance</html>"), COMPLETE, 2, 0),
    ],
)
async def test_an_error_leads_to_a_wait_a_skip_or_a_stop(
    poller: Poller, kind: str, reply: Reply, ended: Ended, requests: int, skipped: int
) -> None:
    poller.apis.named(kind).script.append(reply)

    assert await poller.sweep(kind) == ended

    counts = poller.cycle.counts
    assert (counts.requests, counts.skipped, counts.failed) == (requests, skipped, 0)
