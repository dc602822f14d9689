"""A price worker converts at the snapshot in Redis as soon as it sees it, and at the last good one until then."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import msgspec
import pyarrow as pa
import pytest
from prometheus_client import REGISTRY
from redis.asyncio import Redis

from fleet.servers.ports import free_ports
from services.price_worker.followed_rates import FollowedRates
from services.price_worker.handler import FaresHandler
from shared.deliveries import Context, Delivery
from shared.failpoints import Failpoints
from shared.fakes import FakeAcknowledger, FakeBroker
from shared.fare_boards.store import BoardStore
from shared.messages.batches import ARROW, decode, encode
from shared.messages.changes import CHANGES
from shared.messages.fares import FARES
from shared.money import Rates
from shared.periodic import Periodic, running
from shared.rates.in_redis import KEY, MalformedRatesError, RatesInRedis
from tests.development_rates import RATES
from tests.private_servers import Servers

NOW = datetime.now(UTC).replace(microsecond=0)
NEXT = replace(RATES, date=RATES.date + timedelta(days=1), factors={**RATES.factors, "USD": (9, 10)})


@pytest.fixture
async def store(servers: Servers, redis: Redis) -> AsyncIterator[RatesInRedis]:
    """The place of the snapshot, empty."""
    assert redis
    store = RatesInRedis(servers.redis.url)
    yield store
    await store.close()


def dollars(price: int, minutes_ago: int) -> Delivery:
    fare = {
        "origin": "JFK",
        "destination": "LHR",
        "departure_date": NOW.date() + timedelta(days=30),
        "cabin": "economy",
        "stops": 0,
        "currency": "USD",
        "price": price,
        "observed_at": NOW - timedelta(minutes=minutes_ago),
        "source": "test",
    }
    body = encode(FARES, pa.RecordBatch.from_pylist([fare], schema=FARES.schema))
    return Delivery(body, ARROW, Context(), None, FakeAcknowledger())


def rates_date() -> float | None:
    return REGISTRY.get_sample_value("farelark_rates_date_seconds")


def midnight(rates: Rates) -> float:
    return datetime.combine(rates.date, time(), UTC).timestamp()


async def test_what_is_written_is_read_and_nothing_is_read_before(store: RatesInRedis) -> None:
    assert await store.read() is None
    await store.write(RATES)
    assert await store.read() == RATES


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"{}",
        b"\xff",
        b'{"date":"2026-11-20","reference":"EUR","factors":{"\xff":[1,1]}}',
        b'{"date":"2026-11-20","reference":"EUR","factors":{"USD":[1,0]}}',
        b'{"date":"2026-11-20","reference":"EUR","factors":{"QQQ":[1,1]}}',
    ],
)
async def test_anything_else_in_its_place_is_malformed_and_changes_nothing_for_a_worker(
    value: bytes, store: RatesInRedis, redis: Redis
) -> None:
    await redis.set(KEY, value)
    with pytest.raises(MalformedRatesError, match="`rates load` writes it anew"):
        await store.read()
    followed = FollowedRates(RATES, store)
    await followed.refresh()
    assert followed.rates == RATES


async def test_a_worker_that_runs_converts_at_the_new_snapshot_from_its_next_batch_on(
    store: RatesInRedis, boards: BoardStore
) -> None:
    broker, followed = FakeBroker(), FollowedRates(RATES, store)
    handle = FaresHandler(broker, boards, followed.amounts, timedelta(days=14), Failpoints(None), lambda: NOW)
    await handle([dollars(10_000, 9)])
    await store.write(NEXT)
    await handle([dollars(9_000, 8)])
    await followed.refresh()
    await handle([dollars(8_000, 7)])

    changes = [row for message in broker.published for row in decode(CHANGES, message.body, ARROW).rows.to_pylist()]
    at_first = RATES.to_reference(9_000, "USD")
    assert [(row["reference_price"], row["previous_reference_price"]) for row in changes] == [
        (RATES.to_reference(10_000, "USD"), None),
        (at_first, RATES.to_reference(10_000, "USD")),
        (7_200, max(at_first, 8_100)),
    ]


async def test_following_goes_on_through_what_cannot_be_used_to_the_next_good_snapshot(
    store: RatesInRedis, redis: Redis
) -> None:
    followed = FollowedRates(RATES, store)
    assert rates_date() == midnight(RATES)
    async with running([Periodic("follow_rates", 0.01, followed.refresh)]):
        for unusable in (b"junk", msgspec.json.encode(replace(NEXT, reference="USD"))):
            await redis.set(KEY, unusable)
            await followed.refresh()
            assert followed.rates == RATES
        await store.write(NEXT)
        async with asyncio.timeout(15):
            while followed.rates != NEXT:  # noqa: ASYNC110  # nothing tells of the change but the attribute itself
                await asyncio.sleep(0.01)
    assert rates_date() == midnight(NEXT)


async def test_a_redis_that_is_away_or_empty_leaves_the_rates_as_they_are(store: RatesInRedis, redis: Redis) -> None:
    (port,) = free_ports(1)
    away = RatesInRedis(f"redis://127.0.0.1:{port}")
    for at in (away, store):
        followed = FollowedRates(NEXT, at)
        await redis.flushall()
        await followed.refresh()
        assert followed.rates == NEXT
    await away.close()
