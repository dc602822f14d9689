"""The state before the cycle: fares on their boards, travellers with devices, their alerts; and servers at rest."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Final

import asyncpg

from fleet.addresses import Addresses
from fleet.bench.bare_comparison import fill_boards
from fleet.bench.cycle.plan import Plan
from fleet.bench.one_redis import open_one
from fleet.bench.synthetic_alerts import Alerts, fill
from fleet.bench.synthetic_travellers import Travellers, settle
from shared.shards import Shards

# Gives, for a task's name and its size, what is told how much more of it is done.
Progress = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
Say = Callable[[str], None]

_ALERTS_SEED: Final = 1
_ARMED_LEVEL: Final = 0.325  # about one change in forty fires an alert
_SAVE_TIMEOUT_S: Final = 600.0


async def fill_fleet(addresses: Addresses, plan: Plan, say: Say, progress: Progress) -> None:
    """Fill a fleet that is empty.

    Raises:
        ConfigurationError: a shard has alerts.
    """
    with progress("filling the boards", plan.fares) as done:
        await fill_boards(addresses.redis, plan.sweep(), plan.rates(), done)
    travellers = Travellers(plan.travellers, plan.seed)
    with progress("settling travellers", plan.travellers) as done:
        await settle(addresses.accounts, travellers, done)
    with progress("filling the shards", plan.alerts) as done:
        await _fill_shards(addresses.shards, plan, travellers, done)
    say("bringing the servers to rest")
    await _come_to_rest(addresses)


async def _fill_shards(urls: Sequence[str], plan: Plan, travellers: Travellers, done: Callable[[int], None]) -> None:
    shards = Shards.at(urls, application="bench", pool_size=1)
    async with shards.transaction(0, ()) as transaction:
        rates_date = transaction.rates.rates.date
    wishes = Alerts(plan.market(), plan.seed + _ALERTS_SEED, plan.today, rates_date, travellers, _ARMED_LEVEL)
    await fill(urls, await shards.current_map(), wishes.batches(plan.alerts), done)
    await shards.close()


async def _come_to_rest(addresses: Addresses) -> None:
    """Leave nothing to be done later that the filling brought on: vacuums, statistics, dirty pages, a snapshot."""
    await asyncio.gather(*(_execute(url, "VACUUM (ANALYZE) alerts") for url in addresses.shards))
    await _execute(addresses.accounts, "VACUUM (ANALYZE) users, devices")
    await _execute(addresses.accounts, "CHECKPOINT")
    async with open_one(addresses.redis, timeout_s=_SAVE_TIMEOUT_S) as redis:
        await redis.save()


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
