"""What travel APIs have really answered goes through their sources onto the boards, and to those who wait for it."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from redis import Redis

from shared.fare_boards.layout import parse, prices
from tests.e2e.commands import environment
from tests.e2e.running_fleet import STOP_SECONDS, RunningFleet
from tests.e2e.running_notifier import until
from tests.real_data import real_file
from tests.travel_apis import CLIENT, TOKEN, TravelApis, travel_apis

TODAY: Final = datetime.now(UTC).date()
SECRETS: Final = {"duffel": TOKEN, "amadeus": ":".join(CLIENT), "travelpayouts": TOKEN}
SOURCES: Final = """
[[source]]
name = "duffel"
kind = "duffel"
every = "5s"
base_url = "{duffel}"
requests_per_second = 20
routes = ["LHR-JFK"]
days_ahead = [30, 31, 32, 33]
secret = "duffel"

[[source]]
name = "amadeus"
kind = "amadeus"
every = "5s"
base_url = "{amadeus}"
routes = ["SYD-BKK"]
days_ahead = [30]
secret = "amadeus"

[[source]]
name = "travelpayouts"
kind = "travelpayouts"
every = "5s"
base_url = "{travelpayouts}"
routes = ["MOW-LED"]
days_ahead = [30]
secret = "travelpayouts"

[[source]]
name = "ryanair"
kind = "ryanair"
every = "5s"
base_url = "{ryanair}"
requests_per_second = 20
routes = ["DUB-BRS"]
days_ahead = [30]
nights = [1]
"""


class Fare(NamedTuple):
    """A fare that a payload holds."""

    origin: str
    destination: str
    departs: date
    returns: date | None
    price: int
    currency: str

    def later(self, weeks: int) -> "Fare":
        returns = self.returns and self.returns + timedelta(weeks=weeks)
        return self._replace(departs=self.departs + timedelta(weeks=weeks), returns=returns)

    @property
    def board(self) -> str:
        """The Redis key of its board."""
        returning = f":{self.returns}" if self.returns else ""
        return f"fares:{self.origin}-{self.destination}:{self.departs}{returning}"

    @property
    def wish(self) -> dict[str, Any]:
        """An alert that waits for it."""
        round_trip = {"return_from": str(self.returns), "return_to": str(self.returns)}
        return {
            "origin": self.origin,
            "destination": self.destination,
            "departure_from": str(self.departs),
            "departure_to": str(self.departs),
            "rule": {"kind": "target", "price": {"amount": 100_000, "currency": "EUR"}},
        } | ({"round_trip": round_trip} if self.returns else {})


def _of_duffel(departs: date) -> Fare:
    return Fare("LHR", "JFK", departs, None, 4_500, "GBP")


def _of_ryanair(destination: str, returns: date | None, price: int) -> Fare:
    return Fare("DUB", destination, date(2023, 8, 23), returns, price, "EUR")


# What each payload holds. Its dates are moved by whole weeks, each payload's to a week of its own.
RECORDED: Final[Mapping[str, Sequence[Fare]]] = {
    "duffel/create-offer-request.json": [_of_duffel(date(2020, 6, 13))],
    "duffel/get-offer-requests.json": [_of_duffel(date(2020, 6, 13))],
    "duffel/get-offer-by-id.json": [_of_duffel(date(2020, 6, 13))],
    "duffel/get-offers.json": [],  # to New York twice, and never back
    "duffel/get-partial-offer-request-by-id.json": [],  # the price of one half of a journey
    "amadeus/flight_offers_reply.json": [Fare("SYD", "BKK", date(2021, 11, 1), None, 35_534, "EUR")],
    "ryanair/mocked_one_way_response.json": [_of_ryanair("BRS", None, 1_768), _of_ryanair("EDI", None, 1_768)],
    "ryanair/mocked_return_response.json": [
        _of_ryanair("LBA", date(2023, 8, 24), 3_635),
        _of_ryanair("LPL", date(2023, 8, 24), 3_911),
    ],
}
# Of Travelpayouts there is no recorded payload.
TICKET: Final = Fare("SVO", "LED", TODAY + timedelta(days=90), None, 45_00, "EUR")


class Payload(NamedTuple):
    """A recorded payload as if it had been answered today."""

    body: bytes
    fares: Sequence[Fare]


def payloads() -> dict[str, Payload]:
    """All of them, by name; skips the test where they are not."""
    return {name: _as_of_today(name, fares, ahead=8 + place) for place, (name, fares) in enumerate(RECORDED.items())}


def _as_of_today(name: str, fares: Sequence[Fare], ahead: int) -> Payload:
    """A payload whose first departure is so many weeks ahead, and whose offers were made just now."""
    recorded = real_file(f"payloads/{name}").read_text()
    weeks = (TODAY - min(map(date.fromisoformat, _LOCAL_DATE.findall(recorded)))).days // 7 + 1 + ahead
    since = datetime.now(UTC) - min(map(datetime.fromisoformat, _INSTANT.findall(recorded)), default=datetime.now(UTC))
    moved = _LOCAL_DATE.sub(lambda found: str(date.fromisoformat(found[0]) + timedelta(weeks=weeks)), recorded)
    moved = _INSTANT.sub(lambda found: (datetime.fromisoformat(found[0]) + since).isoformat(), moved)
    return Payload(moved.encode(), [fare.later(weeks) for fare in fares])


_LOCAL_DATE: Final = re.compile(r'(?<=")\d{4}-\d\d-\d\d(?="|T[0-9:]+")')  # of a flight
_INSTANT: Final = re.compile(r'(?<=")\d{4}-\d\d-\d\dT[0-9:.]+Z(?=")')  # of an offer


@pytest.mark.timeout(180)
def test_every_recorded_payload_reaches_boards_and_the_alerts_that_wait(fleet: RunningFleet, tmp_path: Path) -> None:
    recorded = payloads()
    fares = [fare for payload in recorded.values() for fare in payload.fares] + [TICKET]
    traveller = fleet.traveller()
    waiting = {traveller.wish(**fare.wish): fare for fare in fares}
    fleet.drain()

    with travel_apis() as apis:
        offer(apis, recorded)
        with polling(fleet, apis, tmp_path):
            until(lambda: len(fleet.pushes()) >= len(waiting))
    fleet.drain()

    assert on_boards(fleet) == {fare.board: [fare.price] for fare in fares}
    pushed = sorted((line["alert_id"], line["price"], line["currency"]) for line in fleet.pushes())
    assert pushed == sorted((alert, fare.price, fare.currency) for alert, fare in waiting.items())


def offer(apis: TravelApis, recorded: Mapping[str, Payload]) -> None:
    """Let the stand-ins answer with the payloads."""
    searched = ("create-offer-request", "get-offer-requests", "get-partial-offer-request-by-id")
    apis.duffel.found.extend(recorded[f"duffel/{name}.json"].body for name in searched)
    apis.duffel.found.append(b'{"data": {"id": "orq_1"}}')
    first, second = recorded["duffel/get-offers.json"].body, recorded["duffel/get-offer-by-id.json"].body
    apis.duffel.pages = {None: first, json.loads(first)["meta"]["after"]: second}
    apis.amadeus.offers = recorded["amadeus/flight_offers_reply.json"].body
    apis.ryanair.one_way = recorded["ryanair/mocked_one_way_response.json"].body
    apis.ryanair.round_trip = recorded["ryanair/mocked_return_response.json"].body
    apis.travelpayouts.tickets = [
        {
            "origin_airport": TICKET.origin,
            "destination_airport": TICKET.destination,
            "price": TICKET.price // 100,
            "airline": "SU",
            "flight_number": "20",
            "departure_at": f"{TICKET.departs}T07:05:00+03:00",
        }
    ]


@contextmanager
def polling(fleet: RunningFleet, apis: TravelApis, folder: Path) -> Iterator[None]:
    """A gateway beside the fleet's that polls all stand-ins; it must end in good order."""
    sources, log = folder / "sources.toml", folder / "gateway.log"
    names = ("duffel", "amadeus", "travelpayouts", "ryanair")
    sources.write_text(SOURCES.format(**{name: apis.named(name).url for name in names}))
    settings = {
        "RABBITMQ_URL": fleet.addresses.amqp,
        "REDIS_URL": fleet.addresses.redis,
        "ACCOUNTS_URL": fleet.addresses.accounts,
        "INGEST_PORT": "0",
        "OPS_PORT": "0",
        "SOURCES_FILE": str(sources),
        "SOURCE_SECRETS": json.dumps(SECRETS),
    }
    command = [sys.executable, "-m", "services.ingest_gateway"]
    with log.open("wb") as output:
        gateway = subprocess.Popen(command, env=environment(**settings), stdout=output, stderr=output)  # noqa: S603  # our own
        try:
            yield
        finally:
            gateway.terminate()
            status = gateway.wait(STOP_SECONDS)
    assert status == 0, log.read_text()


def on_boards(fleet: RunningFleet) -> dict[str, list[int]]:
    """The prices on all boards there are, by key."""
    with Redis.from_url(fleet.addresses.redis) as redis:
        values = {key.decode(): redis.get(key) for key in redis.scan_iter("fares:*")}
    return {key: prices(parse([value]).rows).tolist() for key, value in values.items()}
