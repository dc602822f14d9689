"""The allowances of producers in a real Redis, mostly by a clock that the test moves."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from services.ingest_gateway.producers.limits import FareLimits, LimitReachedError
from services.ingest_gateway.producers.minute import WINDOW_S, Grant, SlidingMinute
from services.ingest_gateway.producers.minutes_in_redis import MinutesInRedis
from services.ingest_gateway.producers.producer import Producer
from shared.errors import UnavailableError
from shared.fare_lanes import Lane
from tests.private_servers import Servers

START = 1_800_000_000
KEY = "abcdefghij27"
ACME = Producer(KEY, "acme", "acme", frozenset(Lane), 6_000)


@pytest.fixture
async def minutes(servers: Servers, redis: Redis) -> AsyncIterator[MinutesInRedis]:
    """The allowances on the emptied Redis."""
    assert redis
    minutes = MinutesInRedis(servers.redis.url)
    yield minutes
    await minutes.close()


async def test_redis_grants_what_the_model_grants(minutes: MinutesInRedis) -> None:
    chance = random.Random(8)  # noqa: S311  # the same at every run
    model = SlidingMinute()
    now, refused = START, 0
    for _ in range(1_500):
        now += chance.choice([0, 0, 0, 1, 2, 17, 60, 61, -3])
        limit = chance.choice([600, 600, 600, 300])
        least = chance.choice([1, 1, 7, 50, limit])
        expected = model.grant(limit, least, limit // WINDOW_S, now)
        assert await minutes.grant(KEY, limit, least, limit // WINDOW_S, now) == expected
        refused += not expected.fares
    assert 100 < refused < 1_400


async def test_keys_are_counted_apart(minutes: MinutesInRedis) -> None:
    assert await minutes.grant("one", 60, 60, 1, START) == Grant(60, 0)
    assert await minutes.grant("other", 60, 60, 1, START) == Grant(60, 0)
    assert await minutes.grant("one", 60, 1, 1, START) == Grant(0, WINDOW_S + 1)


async def test_what_was_granted_is_forgotten_when_it_no_longer_counts(minutes: MinutesInRedis, redis: Redis) -> None:
    await minutes.grant(KEY, 60, 1, 1)
    (key,) = await redis.keys()
    assert 0 < await redis.ttl(key) <= WINDOW_S + 1


async def test_many_gateways_together_let_the_limit_through_and_no_more(minutes: MinutesInRedis) -> None:
    """By Redis' own clock; none of them has more than a second's worth left when nothing more is to be had."""
    gateways = [FareLimits(minutes) for _ in range(4)]

    async def send(gateway: FareLimits) -> int:
        passed = 0
        for _ in range(ACME.fares_per_minute // 4):
            try:
                await gateway.allow(ACME, 7)
            except LimitReachedError:
                break
            passed += 7
        return passed

    passed = sum(await asyncio.gather(*map(send, gateways)))
    assert ACME.fares_per_minute - 4 * ACME.fares_per_minute // WINDOW_S <= passed <= ACME.fares_per_minute


async def test_a_redis_that_is_away_is_said_to_be() -> None:
    nowhere = MinutesInRedis("redis://127.0.0.1:1")
    with pytest.raises(UnavailableError, match="redis"):
        await nowhere.grant(KEY, 60, 1, 1)
    await nowhere.close()
