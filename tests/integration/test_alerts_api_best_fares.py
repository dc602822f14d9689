"""What follows a write: the best fare now in the reply, and the alert's evaluation asked for."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import numpy as np
import prometheus_client
import pytest
from redis.asyncio import Redis

from services.alerts_api.alerts.evaluations import Evaluations
from shared.broker.broker import Broker
from shared.broker.outgoing import Outgoing
from shared.fare_boards.layout import (
    ABSENT,
    FORMAT,
    ROW,
    expires_at,
    next_headers,
    put_observations,
    put_prices,
    redis_key,
)
from shared.fare_boards.store import BoardStore, Write
from shared.messages.evaluations import JSON, Evaluation, decode
from shared.messages.fare_key import Board, Fare, pack_board, pack_fare
from shared.topology import ALERTS_EVALUATE, EVALUATIONS
from tests.integration.conftest import Probe
from tests.integration.running_api import ApiBroker, RunningApi, Traveller, running_api, settings_over, wish
from tests.private_servers import Servers

TODAY = datetime.now(UTC).date()
DAY = TODAY + timedelta(days=33)
SEEN = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
LONG_AGO = datetime.now(UTC) - timedelta(days=15)


class Offer(NamedTuple):
    """A fare on a board."""

    carrier: str
    cabin: str
    price: int
    currency: str
    observed_at: datetime = SEEN


# In euro cents 9,600, 9,700, 5,000 and 4,000; the last has not been seen for too long.
OFFERS = (
    Offer("BA", "economy", 12_000, "USD"),
    Offer("LH", "economy", 9_700, "EUR"),
    Offer("VS", "business", 5_000, "EUR"),
    Offer("LX", "economy", 4_000, "EUR", LONG_AGO),
)


@pytest.fixture(scope="module")
def api(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    with running_api(settings_over(servers, tmp_path_factory.mktemp("api"))) as api:
        asyncio.run(clear(servers.redis.url))
        asyncio.run(put_on_board(servers.redis.url, Board("JFK", "LHR", DAY, None), OFFERS))
        asyncio.run(put_on_board(servers.redis.url, Board("JFK", "LHR", DAY, DAY + timedelta(days=7)), OFFERS[2:3]))
        yield api


@pytest.fixture(scope="module")
def without_redis(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    settings = settings_over(servers, tmp_path_factory.mktemp("api"), redis_url="redis://127.0.0.1:1")
    with running_api(settings) as api:
        yield api


async def clear(redis_url: str) -> None:
    async with Redis.from_url(redis_url) as client:
        await client.flushall()


async def put_on_board(redis_url: str, board: Board, offers: tuple[Offer, ...]) -> None:
    keyed = sorted(
        (pack_fare(Fare(offer.carrier, "7", "08:30", offer.cabin, 0, offer.currency)), offer) for offer in offers
    )
    rows = np.zeros(len(keyed), dtype=ROW)
    rows["fare"] = [fare for fare, _ in keyed]
    every = np.arange(len(keyed))
    put_prices(rows, every, np.array([offer.price for _, offer in keyed]), np.ones(len(keyed), dtype=np.int64))
    put_observations(rows, every, np.array([int(offer.observed_at.timestamp() * 1000) for _, offer in keyed]))
    key = pack_board(board)
    value = next_headers([bytes([FORMAT]) + bytes(7)])[0] + rows.tobytes()
    store = BoardStore(redis_url)
    try:
        assert await store.write([Write(redis_key(key), ABSENT, value, expires_at(key))]) == []
    finally:
        await store.close()


def best(answer: dict[str, Any]) -> tuple[str, int] | None:
    """The carrier and the price in euro cents of the best fare, which is known."""
    assert answer["best_fare_known"] is True
    fare = answer["best_fare"]
    return fare and (fare["carrier"], fare["reference_price"]["amount"])


def evaluations(api: RunningApi) -> list[Evaluation]:
    """What has been asked for since the last look."""
    published, api.broker.published = api.broker.published, []
    assert {(message.exchange, message.routing_key) for message in published} <= {("evaluations", "")}
    return [evaluation for message in published for evaluation in decode(message.body, message.content_type)]


def test_a_new_alert_is_told_the_best_fare_that_it_wants(api: RunningApi) -> None:
    answer = api.traveller().post("/api/alerts", wish(cabin="economy")).json()
    assert answer["best_fare_known"] is True
    assert answer["best_fare"] == {
        "origin": "JFK",
        "destination": "LHR",
        "departure_date": DAY.isoformat(),
        "return_date": None,
        "carrier": "BA",
        "flight_number": "7",
        "departure_time": "08:30",
        "cabin": "economy",
        "stops": 0,
        "price": {"amount": 12_000, "currency": "USD"},
        "reference_price": {"amount": 9_600, "currency": "EUR"},
        "observed_at": SEEN.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ("VS", 5_000)),
        ({"excluded_carriers": ["VS", "BA"]}, ("LH", 9_700)),
        ({"round_trip": {"nights_max": 7}}, ("VS", 5_000)),
        ({"round_trip": {"nights_max": 6}}, None),
        ({"origin": "EWR"}, None),
        ({"origin": "PAR"}, None),
        ({"departure_from": (DAY + timedelta(days=1)).isoformat()}, None),
    ],
    ids=str,
)
def test_the_best_fare_is_one_that_the_filters_let_through(
    api: RunningApi, changes: dict[str, object], expected: tuple[str, int] | None
) -> None:
    assert best(api.traveller().post("/api/alerts", wish(**changes)).json()) == expected


def test_every_write_that_may_make_it_fire_asks_for_an_evaluation(api: RunningApi) -> None:
    traveller = api.traveller()
    evaluations(api)
    path = made(traveller)
    asked = Evaluation(alert_id=UUID(path.removeprefix("/api/alerts/")), route="NYC-LON")
    assert evaluations(api) == [asked]
    assert best(traveller.patch(path, {"cabin": "economy"}).json()) == ("BA", 9_600)
    assert best(traveller.put(path, wish(max_stops=1)).json()) == ("VS", 5_000)
    assert evaluations(api) == [asked, asked]
    traveller.post(f"{path}/pause", {})
    traveller.get(path)
    traveller.patch(path, {"cabin": "none"})
    assert evaluations(api) == []
    assert best(traveller.post(f"{path}/resume", {}).json()) == ("VS", 5_000)
    assert evaluations(api) == [asked]
    traveller.patch(path, {"origin": "PAR"})
    assert [evaluation.route for evaluation in evaluations(api)] == ["PAR-LON"]


def made(traveller: Traveller) -> str:
    answer = traveller.post("/api/alerts", wish())
    assert answer.status_code == 201
    return answer.headers["Location"]


def test_without_redis_a_write_succeeds_and_says_that_it_does_not_know(without_redis: RunningApi) -> None:
    traveller = without_redis.traveller()
    path = made(traveller)
    answers = [
        traveller.patch(path, {"cabin": "economy"}),
        traveller.put(path, wish()),
        traveller.post(f"{path}/resume", {}),
    ]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert [(answer.json()["best_fare"], answer.json()["best_fare_known"]) for answer in answers] == [(None, False)] * 3


def test_without_a_broker_a_write_succeeds_and_the_failure_is_counted(api: RunningApi) -> None:
    def unsent() -> float:
        return prometheus_client.REGISTRY.get_sample_value("farelark_evaluations_unsent_total") or 0

    before = unsent()
    api.broker.there = False
    try:
        made(api.traveller())
    finally:
        api.broker.there = True
    assert unsent() == before + 1


async def test_an_evaluation_reaches_its_queue(servers: Servers, probe: Probe) -> None:
    connected = asyncio.Event()

    async def connect() -> Broker:
        broker = await Broker.connect(servers.rabbitmq.amqp_url, "tests")
        connected.set()
        return broker

    evaluations, alert_id = Evaluations(connect), uuid4()
    async with evaluations.connecting():
        await connected.wait()
        await evaluations.ask_for(alert_id, "NYC-LON")
    message = await probe.next(ALERTS_EVALUATE.name)
    assert decode(message.body, JSON) == [Evaluation(alert_id=alert_id, route="NYC-LON")]


async def test_a_broker_that_never_comes_holds_up_nobody() -> None:
    """Neither the start, nor a write, nor the end."""

    async def connect() -> Broker:
        return await asyncio.Future()

    evaluations = Evaluations(connect)
    async with evaluations.connecting():
        await evaluations.ask_for(uuid4(), "NYC-LON")


async def test_a_broker_that_does_not_confirm_holds_up_a_write_only_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.alerts_api.alerts.evaluations._TIMEOUT_S", 0.01)
    publishing, connected = asyncio.Event(), asyncio.Event()

    class SilentBroker(ApiBroker):
        async def publish(self, message: Outgoing) -> None:
            assert message.exchange == EVALUATIONS.name
            publishing.set()
            await asyncio.Future()

    async def connect() -> Broker:
        connected.set()
        return SilentBroker()

    evaluations = Evaluations(connect)
    async with evaluations.connecting():
        await connected.wait()
        await evaluations.ask_for(uuid4(), "NYC-LON")
    assert publishing.is_set()
