"""What is shown of the rates in use, on real shards and Redis."""

from sqlalchemy.ext.asyncio import AsyncEngine

from fleet.rates.loading import load_rates
from fleet.rates.showing import dates_in_use, rates_in_use
from shared.rates.in_redis import RatesInRedis
from tests.development_rates import RATES
from tests.integration.rates_to_load import NEXT, add, silent, wish


async def test_what_is_shown_is_what_shards_and_price_workers_use(
    shard_urls: list[str], shard_engines: list[AsyncEngine], rates_in_redis: RatesInRedis
) -> None:
    await add(shard_engines[:1], [wish("USD"), wish("EUR")])
    before = await rates_in_use(shard_urls, rates_in_redis)
    assert (before.rates, before.price_workers) == (RATES, None)

    await load_rates(NEXT, shard_urls, rates_in_redis, silent)
    await add(shard_engines[1:2], [wish("JPY")])

    after = await rates_in_use(shard_urls, rates_in_redis)
    assert (after.rates, after.price_workers) == (NEXT, NEXT.date)
    assert [shard.alerts_behind for shard in after.shards] == [0, 1, 0, 0]
    assert await dates_in_use(shard_urls) == {f"shard{number}": NEXT.date for number in range(4)}
