"""The lease of a source has one holder at a time, on a real Redis and while there is none."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from services.ingest_gateway.sources.lease import LASTS_S, Lease
from shared.redis_connections import open_redis
from tests.hand_moved_clock import Clock
from tests.private_servers import Servers

UNREACHABLE = "redis://127.0.0.1:1/0"


@pytest.fixture
async def leases(servers: Servers, redis: Redis) -> AsyncIterator[tuple[Lease, Lease, Clock]]:
    assert redis  # emptied
    client, clock = open_redis(servers.redis.url), Clock()
    yield Lease(client, "prices", clock), Lease(client, "prices", clock), clock
    await client.aclose()


async def test_a_lease_has_one_holder_until_it_is_given_back_or_runs_out(
    leases: tuple[Lease, Lease, Clock], redis: Redis
) -> None:
    first, second, _ = leases
    assert [await first.take(), await second.take(), await first.take()] == [True, False, True]
    assert 0 < await redis.pttl("source:lease:prices") <= LASTS_S * 1_000
    await second.give_back()  # it has none
    assert not await second.take()
    await first.give_back()
    assert [await second.take(), await first.take()] == [True, False]


async def test_a_lease_outlives_a_short_absence_of_redis_and_no_long_one() -> None:
    clock = Clock()
    client = open_redis(UNREACHABLE)
    lease = Lease(client, "prices", clock)
    lease._until = clock.now + LASTS_S  # as it was taken
    assert await lease.take()
    clock.now += LASTS_S
    assert not await lease.take()
    await client.aclose()
