"""Newer rates come into use on real shards: every alert is converted exactly, wherever the load is cut short."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from uuid import UUID

import pytest
from redis.asyncio import Redis
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncEngine

from fleet.rates.admission import RatesRefusedError
from fleet.rates.loading import Loaded, load_rates
from fleet.servers.ports import free_ports
from shared.errors import UnavailableError
from shared.money import Factor, Rates
from shared.rates.in_redis import KEY, RatesInRedis
from shared.schema.shards import rates
from tests.development_rates import RATES
from tests.integration.rates_to_load import (
    LATER,
    NEXT,
    CutShortError,
    add,
    cut_short,
    expected,
    half_up,
    silent,
    small_batches,
    states,
    stored,
    wish,
    wishes,
)
from tests.private_servers import Servers

__all__ = ["small_batches"]


async def test_every_alert_is_converted_exactly_and_nothing_else_of_it_changes(
    shard_urls: list[str], shard_engines: list[AsyncEngine], rates_in_redis: RatesInRedis
) -> None:
    await add(shard_engines, wishes())
    before = await stored(shard_engines)
    progress: list[tuple[int, int]] = []

    loaded = await load_rates(NEXT, shard_urls, rates_in_redis, lambda *step: progress.append(step))

    assert await stored(shard_engines) == {alert: expected(row) for alert, row in before.items()}
    assert {day for day, _ in await states(shard_engines)} == {NEXT.date}
    assert await rates_in_redis.read() == NEXT
    foreign = sum(row["currency"] != "EUR" for row in before.values())
    assert loaded == Loaded(NEXT.date, "EUR", foreign, [])
    assert progress[-1] == (foreign, foreign)


async def test_alerts_at_rates_of_different_days_are_each_converted_from_their_own(
    shard_urls: list[str], shard_engines: list[AsyncEngine], rates_in_redis: RatesInRedis
) -> None:
    """An alert comes from another shard, whose rates this one never used."""
    elsewhere, (first, *_) = shard_engines[1], shard_engines
    row = wish("USD", armed_price=10_000, initial_price=10_000, rule="new_low", target=None, rates_date=NEXT.date)
    await add([first], [row])
    async with elsewhere.begin() as connection:
        await connection.execute(insert(rates).values(date=NEXT.date, reference="EUR", factors=dict(NEXT.factors)))

    await load_rates(LATER, shard_urls, rates_in_redis, silent)

    assert (await stored([first]))[row["id"]]["armed_price"] == half_up(Fraction(10_000 * 8, 9))


class LostAtLast(RatesInRedis):
    """Redis goes away while the shards change their rates."""

    async def write(self, rates: Rates) -> None:
        raise UnavailableError("redis", f"before it had those of {rates.date}")


async def test_a_load_whose_redis_goes_away_meanwhile_is_finished_by_its_repeat(
    servers: Servers, shard_urls: list[str], shard_engines: list[AsyncEngine], rates_in_redis: RatesInRedis
) -> None:
    await add(shard_engines, wishes())
    before = await stored(shard_engines)
    lost = LostAtLast(servers.redis.url)
    with pytest.raises(UnavailableError, match="redis"):
        await load_rates(NEXT, shard_urls, lost, silent)
    await lost.close()

    await load_rates(NEXT, shard_urls, rates_in_redis, silent)

    assert await stored(shard_engines) == {alert: expected(row) for alert, row in before.items()}
    assert await rates_in_redis.read() == NEXT


@pytest.mark.parametrize("at", range(0, 13, 2))
async def test_a_load_that_is_cut_short_anywhere_is_finished_by_its_repeat(
    at: int, shard_urls: list[str], shard_engines: list[AsyncEngine], rates_in_redis: RatesInRedis
) -> None:
    await add(shard_engines, wishes() + wishes())
    before = await stored(shard_engines)
    with pytest.raises(CutShortError):
        await load_rates(NEXT, shard_urls, rates_in_redis, cut_short(at))
    assert await rates_in_redis.read() is None

    await load_rates(NEXT, shard_urls, rates_in_redis, silent)

    assert await stored(shard_engines) == {alert: expected(row) for alert, row in before.items()}
    assert await rates_in_redis.read() == NEXT


async def test_rates_of_the_next_day_take_over_from_a_load_that_was_cut_short(
    shard_urls: list[str], shard_engines: list[AsyncEngine], rates_in_redis: RatesInRedis
) -> None:
    await add(shard_engines, [wish("USD") for _ in range(9)])
    before = await stored(shard_engines)
    with pytest.raises(CutShortError):
        await load_rates(NEXT, shard_urls, rates_in_redis, cut_short(4))

    await load_rates(LATER, shard_urls, rates_in_redis, silent)

    assert await stored(shard_engines) == {alert: expected(row, LATER) for alert, row in before.items()}


async def test_the_same_rates_again_touch_no_alert_and_fill_an_empty_redis(
    shard_urls: list[str], shard_engines: list[AsyncEngine], rates_in_redis: RatesInRedis, redis: Redis
) -> None:
    await add(shard_engines, wishes())
    await load_rates(NEXT, shard_urls, rates_in_redis, silent)
    versions, reaches = await _row_versions(shard_engines), await states(shard_engines)
    await redis.delete(KEY)

    assert (await load_rates(NEXT, shard_urls, rates_in_redis, silent)).alerts == 0

    assert await _row_versions(shard_engines) == versions
    assert await states(shard_engines) == reaches
    assert await rates_in_redis.read() == NEXT


async def _row_versions(engines: Sequence[AsyncEngine]) -> set[tuple[UUID, str]]:
    found = set()
    for engine in engines:
        async with engine.connect() as connection:
            found |= {tuple(row) for row in await connection.execute(text("SELECT id, xmin::text FROM alerts"))}
    return found


async def test_a_snapshot_that_lies_in_redis_as_something_else_is_written_anew(
    shard_urls: list[str], shard_engines: list[AsyncEngine], rates_in_redis: RatesInRedis, redis: Redis
) -> None:
    assert shard_engines
    await redis.set(KEY, b"{}")
    await load_rates(NEXT, shard_urls, rates_in_redis, silent)
    assert await rates_in_redis.read() == NEXT


async def test_a_currency_that_a_file_lacks_keeps_its_last_rate_and_is_named(
    shard_urls: list[str], shard_engines: list[AsyncEngine], rates_in_redis: RatesInRedis
) -> None:
    await add(shard_engines, [wish("DKK")])
    lacking: dict[str, Factor] = {currency: NEXT.factors[currency] for currency in NEXT.factors.keys() - {"DKK"}}
    before = await stored(shard_engines)

    loaded = await load_rates(replace(NEXT, factors=lacking), shard_urls, rates_in_redis, silent)

    assert loaded.kept == ["DKK"]
    assert await stored(shard_engines) == {alert: expected(row) for alert, row in before.items()}
    assert await rates_in_redis.read() == NEXT


@pytest.mark.parametrize(
    "refused",
    [
        replace(NEXT, reference="USD"),
        replace(NEXT, date=RATES.date),
        replace(NEXT, date=RATES.date - timedelta(days=1)),
    ],
)
async def test_rates_that_are_refused_change_nothing(
    refused: Rates, shard_urls: list[str], shard_engines: list[AsyncEngine], rates_in_redis: RatesInRedis
) -> None:
    await add(shard_engines, wishes())
    before = await stored(shard_engines), await states(shard_engines)
    with pytest.raises(RatesRefusedError):
        await load_rates(refused, shard_urls, rates_in_redis, silent)
    assert (await stored(shard_engines), await states(shard_engines)) == before
    assert await rates_in_redis.read() is None


async def test_a_redis_that_is_away_ends_a_load_before_it_begins(
    shard_urls: list[str], shard_engines: list[AsyncEngine]
) -> None:
    (port,) = free_ports(1)
    away = RatesInRedis(f"redis://127.0.0.1:{port}")
    with pytest.raises(UnavailableError, match="redis"):
        await load_rates(NEXT, shard_urls, away, silent)
    assert {day for day, _ in await states(shard_engines)} == {RATES.date}
    await away.close()
