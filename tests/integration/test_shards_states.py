"""New shards enter with what the others know; the first ones of all with the first map and the given rates."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

import asyncpg
import pytest

from fleet.migrations import migrate
from fleet.shards.checking import find_faults
from fleet.shards.moving import move_bucket
from shared.errors import ConfigurationError
from shared.failpoints import Failpoints
from shared.shard_map import ShardMap
from tests.development_rates import RATES
from tests.integration.fresh_databases import create_databases
from tests.integration.shard_contents import fill, map_of, of_bucket, run
from tests.private_servers import Servers

OTHER_DAY = date(2026, 11, 21)
OTHER_FACTORS = '{"EUR": [1, 1], "USD": [7, 8]}'


@pytest.fixture
async def databases(servers: Servers) -> list[str]:
    """An accounts database and three to become shards."""
    return await create_databases(servers.postgres, 4)


async def migrated(databases: Sequence[str], shards: int) -> list[str]:
    """The first so many shards, migrated with the rates of every day."""
    accounts, *urls = databases
    await migrate(accounts, urls[:shards], lambda _: None, today=datetime.now(UTC).date(), rates=RATES)
    return urls[:shards]


async def load_others(url: str) -> None:
    """Have a shard use other rates, that have lifted armed prices, as a load of rates does."""
    await run(url, "INSERT INTO rates (date, reference, factors) VALUES ($1, 'EUR', $2)", OTHER_DAY, OTHER_FACTORS)
    await run(url, "UPDATE shard_state SET rates_date = $1, reach = 1.25", OTHER_DAY)


async def state(url: str) -> asyncpg.Record:
    (row,) = await run(url, "SELECT rates_date, reach FROM shard_state")
    return row


async def test_the_first_shards_get_the_even_map_and_the_given_rates(databases: list[str]) -> None:
    for url in await migrated(databases, 2):
        assert await map_of(url) == ShardMap.even(2)
        assert tuple(await state(url)) == (RATES.date, 1)
        ((reference, dollar),) = await run(url, "SELECT reference, factors -> 'USD' FROM rates")
        assert (reference, dollar) == (RATES.reference, "[{}, {}]".format(*RATES.factors["USD"]))


async def test_a_shard_that_is_added_gets_the_newest_map_and_the_rates_in_use(databases: list[str]) -> None:
    for url in await migrated(databases, 2):
        await load_others(url)
    await run(databases[2], "UPDATE shard_state SET map_version = 7")

    *_, added = await migrated(databases, 3)

    assert await map_of(added) == replace(ShardMap.even(2), version=7)
    assert tuple(await state(added)) == (OTHER_DAY, 1)
    every_snapshot = "SELECT date, reference, factors::text, loaded_at FROM rates ORDER BY date"
    known = [await run(url, every_snapshot) for url in databases[1:3]]
    assert [len(snapshots) for snapshots in known] == [2, 2]
    assert await run(added, every_snapshot) in known


async def test_an_added_shard_takes_over_buckets(databases: list[str]) -> None:
    urls = await migrated(databases, 2)
    await fill(urls, [5])
    urls = await migrated(databases, 3)
    assert await find_faults(urls) == []

    await move_bucket(urls, 5, 2, lambda _: None, Failpoints(None))

    assert len(await of_bucket(urls[2], 5)) == 20
    assert await find_faults(urls) == []


async def test_migrating_again_leaves_maps_and_rates_alone(databases: list[str]) -> None:
    urls = await migrated(databases, 2)
    await load_others(urls[0])
    await run(urls[0], "UPDATE shard_state SET map_version = 7")
    before = [(await map_of(url), await state(url)) for url in urls]
    await migrated(databases, 2)
    assert [(await map_of(url), await state(url)) for url in urls] == before


async def test_leaving_out_a_shard_that_holds_buckets_is_refused(databases: list[str]) -> None:
    await migrated(databases, 3)
    with pytest.raises(ConfigurationError, match="buckets on shard2, and SHARD_URLS names 2 shards"):
        await migrated(databases, 2)
