"""While newer rates come into use others write: no alert is missed meanwhile, and none is left behind."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
import stamina
from sqlalchemy import insert, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from fleet.rates import loading
from fleet.rates.loading import ShardBusyError, load_rates
from fleet.shards.turn import TurnTakenError, turn
from shared.alerts.rules import UNSET
from shared.databases import open_engine
from shared.rates.in_redis import RatesInRedis
from shared.schema.shards import alerts
from shared.shards import Shards
from tests.development_rates import RATES
from tests.integration.rates_to_load import (
    NEXT,
    CutShortError,
    add,
    cut_short,
    expected,
    silent,
    small_batches,
    states,
    stored,
    wish,
    wishes,
)

__all__ = ["small_batches"]


async def test_no_alert_is_harder_to_find_than_it_should_be_at_any_step_of_a_load(
    shard_urls: list[str], shard_engines: list[AsyncEngine], rates_in_redis: RatesInRedis
) -> None:
    """What the index holds is never below the true armed price, and never beyond the reach of a fare above it."""
    await add(shard_engines, wishes() + wishes())
    before = await stored(shard_engines)
    seen: list[bool] = []

    for _ in range(50):
        for engine, (in_use, reach) in zip(shard_engines, await states(shard_engines), strict=True):
            for alert, row in (await stored([engine])).items():
                true = (expected(before[alert]) if in_use == NEXT.date else before[alert])["armed_price"]
                assert row["armed_price"] >= true
                assert row["armed_price"] <= (true + 1) * reach or true == UNSET
                seen.append(row["armed_price"] > true)
        try:
            await load_rates(NEXT, shard_urls, rates_in_redis, cut_short(0))
        except CutShortError:
            continue
        break
    assert any(seen), "no alert was seen between the rates"
    assert {day for day, _ in await states(shard_engines)} == {NEXT.date}


async def test_an_alert_that_is_written_while_its_shard_waits_to_change_its_rates_is_converted_in_the_same_moment(
    shard_urls: list[str], shard_engines: list[AsyncEngine], rates_in_redis: RatesInRedis
) -> None:
    """The change waits for the transaction that writes it; cut short at that alert, there is no change."""
    shards = Shards(shard_engines)
    await shards.refresh()
    late = wish("USD")
    async with AsyncExitStack() as second:
        async with shards.transaction(0, []):
            load = asyncio.create_task(load_rates(NEXT, shard_urls, rates_in_redis, cut_short(0)))
            await _until_waiting(shard_engines[1], 1)  # to widen the reach
            entering = asyncio.create_task(second.enter_async_context(shards.transaction(0, [])))
            await _until_waiting(shard_engines[1], 2)
        transaction = await entering
        assert transaction.reach > 1
        await _until_waiting(shard_engines[1], 1)  # to change the rates
        await transaction.connection.execute(insert(alerts).values(late))
    with pytest.raises(CutShortError):
        await load
    assert (await states(shard_engines))[0][0] == RATES.date
    assert (await stored(shard_engines[:1]))[late["id"]]["armed_price"] == late["armed_price"]

    await load_rates(NEXT, shard_urls, rates_in_redis, silent)
    assert (await stored(shard_engines[:1]))[late["id"]]["armed_price"] == 9_000


async def test_an_alert_that_an_edit_moves_to_a_shard_that_was_done_is_converted_there(
    shard_urls: list[str], shard_engines: list[AsyncEngine], rates_in_redis: RatesInRedis
) -> None:
    *others, last = shard_engines
    moved = wish("JPY")
    await add([last], [wish("USD")])

    async def arrive() -> None:
        engine = open_engine(shard_urls[0], application="tests", pool_size=1)
        await add([engine], [moved])
        await engine.dispose()

    def advanced(done: int, _: int) -> None:
        if done == 1:  # the last shard's only alert: the first shard is done
            with ThreadPoolExecutor(1) as aside:
                aside.submit(asyncio.run, arrive()).result()

    await load_rates(NEXT, shard_urls, rates_in_redis, advanced)

    assert (await stored(others))[moved["id"]]["armed_price"] == 5_000


async def _until_waiting(observer: AsyncEngine, count: int) -> None:
    """Return once so many wait for a table."""
    waiting = text("SELECT count(*) FROM pg_locks WHERE locktype = 'relation' AND NOT granted")
    async with asyncio.timeout(15), observer.connect() as connection:
        while await connection.scalar(waiting) != count:
            await connection.rollback()


async def test_a_shard_that_is_never_free_is_named_and_the_load_can_be_repeated(
    shard_urls: list[str],
    shard_engines: list[AsyncEngine],
    rates_in_redis: RatesInRedis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loading, "_LOCK_TIMEOUT", "20ms")
    shards = Shards(shard_engines)
    await shards.refresh()
    with stamina.set_testing(True, attempts=2):
        async with shards.transaction(2, []):
            with pytest.raises(ShardBusyError, match="shard2"):
                await load_rates(NEXT, shard_urls, rates_in_redis, silent)
    await load_rates(NEXT, shard_urls, rates_in_redis, silent)
    assert {day for day, _ in await states(shard_engines)} == {NEXT.date}


async def test_while_somebody_else_has_the_turn_nothing_is_loaded(
    shard_urls: list[str], shard_engines: list[AsyncEngine], rates_in_redis: RatesInRedis
) -> None:
    async with turn(shard_urls[0]):
        with pytest.raises(TurnTakenError):
            await load_rates(NEXT, shard_urls, rates_in_redis, silent)
    assert {day for day, _ in await states(shard_engines)} == {RATES.date}


async def test_the_reach_covers_alerts_from_before_the_move_and_shrinks_once_all_are_younger(
    shard_urls: list[str], shard_engines: list[AsyncEngine], rates_in_redis: RatesInRedis
) -> None:
    await add(shard_engines[:1], [wish("USD")])
    await load_rates(NEXT, shard_urls, rates_in_redis, silent)
    dollar_up, yen_down = (Fraction(*NEXT.factors[c]) / Fraction(*RATES.factors[c]) for c in ("USD", "JPY"))
    reaches = [reach for _, reach in await states(shard_engines)]
    assert reaches == [pytest.approx(float(dollar_up / yen_down)), 1, 1, 1]
    assert reaches[0] >= dollar_up / yen_down

    async with shard_engines[0].begin() as connection:
        await connection.execute(update(alerts).values(last_fired_at=datetime.now(UTC) + timedelta(hours=2)))
    await load_rates(NEXT, shard_urls, rates_in_redis, silent)
    assert [reach for _, reach in await states(shard_engines)] == [1, 1, 1, 1]
