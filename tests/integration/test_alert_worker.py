"""The alert worker's handler on real shards: who is claimed, once, and what happens when a server is away."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pyarrow as pa
import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from fleet.servers.ports import free_ports
from services.alert_worker.handler import ChangesHandler
from services.alert_worker.store import ShardStore
from shared.airports import route_of
from shared.broker import Broker, Outgoing
from shared.databases import open_engine
from shared.deliveries import Context, Delivery, Done, Retry, Settlement
from shared.errors import UnavailableError
from shared.failpoints import Failpoints
from shared.fakes import FakeAcknowledger, FakeBroker
from shared.messages import notifications
from shared.messages.batches import ARROW, decode, encode
from shared.messages.changes import CHANGES
from shared.messages.notifications import Notification, notification_id
from shared.schema.shards import alerts
from shared.shard_map import ShardMap
from shared.topology import NOTIFICATIONS_STANDARD
from tests.integration.conftest import SHARDS, Probe
from tests.integration.crashing import CrashError, Crashing

NOW = datetime(2026, 10, 1, 12, tzinfo=UTC)
DAY = date(2026, 12, 24)
SHARD_MAP = ShardMap.even(SHARDS)


def change(
    price: int, previous: int | None, origin: str = "JFK", destination: str = "LHR", **more: object
) -> dict[str, Any]:
    return {
        "origin": origin,
        "destination": destination,
        "departure_date": DAY,
        "carrier": "BA",
        "flight_number": "117",
        "cabin": "economy",
        "stops": 0,
        "currency": "EUR",
        "price": price,
        "observed_at": NOW,
        "source": "test",
        "reference_price": price,
        "previous_price": previous,
        "previous_reference_price": previous,
    } | more


def batch(*changes: dict[str, Any]) -> Delivery:
    body = encode(CHANGES, pa.RecordBatch.from_pylist(changes, schema=CHANGES.schema))
    return Delivery(body, ARROW, Context(cycle="c1"), None, FakeAcknowledger())


def worker(broker: Broker, engines: Sequence[AsyncEngine], failpoints: Failpoints | None = None) -> ChangesHandler:
    shards = {number: ShardStore(number, engine) for number, engine in enumerate(engines)}
    return ChangesHandler(broker, shards, SHARD_MAP, failpoints or Failpoints(None), lambda: NOW)


async def handle(broker: Broker, engines: Sequence[AsyncEngine], *changes: dict[str, Any]) -> Settlement:
    (settlement,) = await worker(broker, engines)([batch(*changes)])
    return settlement


def wish(armed: int, route: str, **more: object) -> dict[str, object]:
    values = {
        "id": uuid4(),
        "user_id": uuid4(),
        "route": route,
        "departure_from": DAY,
        "departure_to": DAY,
        "rule": "target",
        "target": armed,
        "currency": "EUR",
        "armed_price": armed,
    }
    return values | more


async def alert(engines: Sequence[AsyncEngine], armed: int, route: str = "NYC-LON", **more: object) -> UUID:
    """Make an alert on the shard of its route."""
    values = wish(armed, route, **more)
    async with engines[SHARD_MAP.shard_of(route)].begin() as connection:
        await connection.execute(insert(alerts).values(values))
    return UUID(str(values["id"]))


async def alert_a_day(engines: Sequence[AsyncEngine], days: Sequence[date]) -> list[UUID]:
    """Make an alert for each of these days, all on one shard, with ids in no order."""
    values = [wish(10_000, "NYC-LON", departure_from=day, departure_to=day) for day in days]
    async with engines[SHARD_MAP.shard_of("NYC-LON")].begin() as connection:
        await connection.execute(insert(alerts), values)
    return [UUID(str(row["id"])) for row in values]


async def fired(engines: Sequence[AsyncEngine]) -> dict[UUID, tuple[int, int | None]]:
    """Fire sequence and armed price of every alert that fired."""
    wanted = select(alerts.c.id, alerts.c.fire_seq, alerts.c.armed_price).where(alerts.c.fire_seq > 0)
    found = {}
    for engine in engines:
        async with engine.connect() as connection:
            found.update({row.id: (row.fire_seq, row.armed_price) for row in await connection.execute(wanted)})
    return found


def told(broker: FakeBroker) -> list[Notification]:
    return [notifications.decode(message.body, message.content_type) for message in broker.published]


@pytest.mark.parametrize(
    ("price", "previous", "fires"),
    [
        (9_000, 12_000, True),
        (10_000, 10_001, True),
        (10_001, 12_000, False),
        (9_000, 10_000, False),
        (9_000, 9_500, False),
        (9_000, None, True),
        (12_000, 9_000, False),
    ],
)
async def test_an_alert_fires_when_a_fare_falls_through_its_armed_price(
    shard_engines: list[AsyncEngine], price: int, previous: int | None, *, fires: bool
) -> None:
    """price <= armed price < previous price, here with an armed price of 10,000."""
    broker = FakeBroker()
    armed = await alert(shard_engines, 10_000)
    assert await handle(broker, shard_engines, change(price, previous)) == Done()
    assert await fired(shard_engines) == ({armed: (1, price * 98 // 100)} if fires else {})
    assert [notification.alert_id for notification in told(broker)] == [armed] * fires


@pytest.mark.parametrize(
    ("asked", "seen", "fires"),
    [
        ({"origin_airports": ["JFK"]}, {"origin": "JFK"}, True),
        ({"origin_airports": ["JFK"]}, {"origin": "EWR"}, False),
        ({"destination_airports": ["LGW", "LHR"]}, {"destination": "LHR"}, True),
        ({"destination_airports": ["LGW", "LHR"]}, {"destination": "STN"}, False),
        ({}, {"origin": "EWR", "destination": "STN"}, True),
        ({}, {"origin": "BOS"}, False),
        ({"departure_to": DAY + timedelta(days=2)}, {"departure_date": DAY - timedelta(days=1)}, False),
        ({"departure_to": DAY + timedelta(days=2)}, {"departure_date": DAY}, True),
        ({"departure_to": DAY + timedelta(days=2)}, {"departure_date": DAY + timedelta(days=2)}, True),
        ({"departure_to": DAY + timedelta(days=2)}, {"departure_date": DAY + timedelta(days=3)}, False),
        ({"state": "paused"}, {}, False),
        ({"armed_price": None}, {}, False),
        ({}, {"return_date": DAY + timedelta(days=7)}, False),
    ],
)
async def test_an_alert_fires_only_for_what_its_traveller_asked(
    shard_engines: list[AsyncEngine], asked: dict[str, Any], seen: dict[str, Any], *, fires: bool
) -> None:
    armed = await alert(shard_engines, 10_000, **asked)
    await handle(FakeBroker(), shard_engines, change(9_000, 12_000) | seen)
    assert set(await fired(shard_engines)) == ({armed} if fires else set())


async def test_a_notification_tells_what_fired_and_arrives_in_its_queue(
    shard_engines: list[AsyncEngine], broker: Broker, probe: Probe
) -> None:
    armed = await alert(shard_engines, 10_000)
    await handle(broker, shard_engines, change(9_000, 12_000))
    message = await probe.next(NOTIFICATIONS_STANDARD.name)
    notification = notifications.decode(message.body, message.content_type)
    assert notification.id == notification_id(armed, 1)
    assert message.message_id == str(notification.id)
    assert message.headers["cycle"] == "c1"
    assert (notification.fire_seq, notification.route) == (1, "NYC-LON")
    assert (notification.fare.price, notification.previous_price) == (9_000, 12_000)
    assert (notification.reference_price, notification.armed_price) == (9_000, 10_000)


async def test_a_repeated_batch_claims_nothing_more_and_a_deeper_low_does(shard_engines: list[AsyncEngine]) -> None:
    broker = FakeBroker()
    armed = await alert(shard_engines, 10_000)
    for _ in range(3):
        assert await handle(broker, shard_engines, change(9_000, 12_000)) == Done()
    assert await fired(shard_engines) == {armed: (1, 8_820)}
    await handle(broker, shard_engines, change(8_821, 9_000))
    await handle(broker, shard_engines, change(8_820, 8_821))
    assert await fired(shard_engines) == {armed: (2, 8_643)}
    assert [notification.fire_seq for notification in told(broker)] == [1, 2]


async def test_the_cheapest_change_fires_and_of_two_as_cheap_the_lower_fare_key(
    shard_engines: list[AsyncEngine],
) -> None:
    broker = FakeBroker()
    await alert(shard_engines, 10_000)
    flights = [("300", 9_000), ("200", 8_000), ("100", 8_000), ("400", 8_500)]
    await handle(broker, shard_engines, *(change(price, 12_000, flight_number=flight) for flight, price in flights))
    assert [notification.fare.flight_number for notification in told(broker)] == ["100"]


async def test_a_claim_is_rolled_back_when_its_notification_is_not_confirmed(
    shard_engines: list[AsyncEngine],
) -> None:
    """The repeat has the same notification id."""
    broker = FakeBroker()
    armed = await alert(shard_engines, 10_000)
    broker.there = False
    with pytest.raises(UnavailableError, match="rabbitmq"):
        await handle(broker, shard_engines, change(9_000, 12_000))
    assert await fired(shard_engines) == {}
    broker.there = True
    await handle(broker, shard_engines, change(9_000, 12_000))
    assert [notification.id for notification in told(broker)] == [notification_id(armed, 1)]


@pytest.mark.parametrize("point", ["matched", "notifications_confirmed", "claims_committed"])
async def test_a_batch_that_is_repeated_after_a_crash_claims_once(shard_engines: list[AsyncEngine], point: str) -> None:
    """A notification is at most repeated, with the id that it had."""
    broker = FakeBroker()
    armed = await alert(shard_engines, 10_000)
    crashing = worker(broker, shard_engines, Crashing(f"alert_worker.{point}"))
    with pytest.raises(CrashError):
        await crashing([batch(change(9_000, 12_000))])
    assert await handle(broker, shard_engines, change(9_000, 12_000)) == Done()
    assert await fired(shard_engines) == {armed: (1, 8_820)}
    assert {notification.id for notification in told(broker)} == {notification_id(armed, 1)}


async def test_two_batches_with_the_same_alerts_in_opposite_orders_claim_each_once(
    shard_engines: list[AsyncEngine],
) -> None:
    """Neither waits for the other in a circle, and who comes second judges the alert as it then is."""
    changes = [change(9_000, 12_000, departure_date=DAY + timedelta(days=offset)) for offset in range(300)]
    for _ in range(3):
        armed = await alert_a_day(shard_engines, [row["departure_date"] for row in changes])
        broker = FakeBroker()
        orders = (changes, changes[::-1], changes, changes[::-1])
        assert await asyncio.gather(*(handle(broker, shard_engines, *order) for order in orders)) == [Done()] * 4
        assert sorted(notification.alert_id for notification in told(broker)) == sorted(armed)
        claimed = await fired(shard_engines)
        assert {claimed[alert_id] for alert_id in armed} == {(1, 8_820)}


# A route on each shard.
ROUTES = {
    SHARD_MAP.shard_of(route_of("JFK", destination)): ("JFK", destination)
    for destination in ("LHR", "CDG", "FCO", "MAD", "AMS", "FRA", "ZRH", "VIE", "LIS", "DUB", "ATH", "OSL")
}


async def test_while_a_shard_is_down_its_part_is_parked_and_the_others_go_on(
    shard_engines: list[AsyncEngine],
) -> None:
    assert sorted(ROUTES) == [0, 1, 2, 3]
    armed = {shard: await alert(shard_engines, 10_000, route_of(*pair)) for shard, pair in ROUTES.items()}
    changes = [change(9_000, 12_000, *pair) for pair in ROUTES.values()]
    (closed_port,) = free_ports(1)
    down = open_engine(f"postgresql://nobody:secret@127.0.0.1:{closed_port}/none", application="tests", pool_size=1)
    broker = FakeBroker()

    settlement = await handle(broker, [*shard_engines[:2], down, shard_engines[3]], *changes)
    assert isinstance(settlement, Retry)
    assert (settlement.reason, settlement.content_type) == ("shard_unavailable", ARROW)
    assert set(await fired(shard_engines)) == {armed[0], armed[1], armed[3]}
    parked = decode(CHANGES, settlement.body or b"", settlement.content_type).rows.to_pylist()
    assert [(row["origin"], row["destination"]) for row in parked] == [ROUTES[2]]

    repeat = Delivery(settlement.body or b"", settlement.content_type, Context(attempt=1), None, FakeAcknowledger())
    assert await worker(broker, shard_engines)([repeat]) == [Done()]
    assert set(await fired(shard_engines)) == set(armed.values())
    assert len(told(broker)) == 4
    await down.dispose()


class Terminating(FakeBroker):
    """While notifications are being confirmed, the shards' server ends all connections but the one that asks."""

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__()
        self._engine = engine

    async def publish(self, message: Outgoing) -> None:
        """Confirm after the connections have ended."""
        ours = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction'"
        async with self._engine.connect() as connection:
            await connection.execute(text(ours))
        await super().publish(message)


async def test_a_shard_that_restarts_within_a_transaction_has_its_part_parked(
    shard_engines: list[AsyncEngine],
) -> None:
    armed = await alert(shard_engines, 10_000)
    broker = Terminating(shard_engines[0])
    settlement = await handle(broker, shard_engines, change(9_000, 12_000))
    assert isinstance(settlement, Retry)
    assert settlement.reason == "shard_unavailable"
    assert await fired(shard_engines) == {}
    assert await handle(FakeBroker(), shard_engines, change(9_000, 12_000)) == Done()
    assert await fired(shard_engines) == {armed: (1, 8_820)}
