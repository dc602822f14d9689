"""Which exchange rates are in use: in each shard, and among price workers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from fleet.rates import snapshots
from fleet.rates.alerts import Reconversion
from fleet.shards.connections import connected
from fleet.shards.states import all_states
from shared.money import Rates
from shared.rates.in_redis import RatesInRedis


@dataclass(frozen=True, slots=True)
class ShardRates:
    """What a shard uses.

    Attributes:
        reach: how far rates can have lifted an armed price against a fare, 1 if not at all.
        alerts_behind: those that a load that was cut short has not converted yet.
    """

    shard: str
    date: date
    reach: float
    alerts_behind: int


@dataclass(frozen=True, slots=True)
class RatesInUse:
    """The newest snapshot that any shard uses, what each uses, and the date of that of price workers.

    `price_workers` is None if they have only their rates file.
    """

    rates: Rates
    shards: list[ShardRates]
    price_workers: date | None


async def dates_in_use(shard_urls: Sequence[str]) -> dict[str, date]:
    """The date of the rates in use, by shard: the same everywhere but while rates are loaded.

    Raises:
        ConfigurationError: a shard is not migrated.
        UnavailableError: a shard cannot be reached.
    """
    async with connected(shard_urls) as shards:
        states = await all_states(shards)
        return {shard.name: state.rates_date for shard, state in zip(shards, states, strict=True)}


async def rates_in_use(shard_urls: Sequence[str], published: RatesInRedis) -> RatesInUse:
    """Everything about the rates in use.

    Raises:
        ConfigurationError, UnavailableError: as above; Redis cannot be reached.
        MalformedRatesError: Redis holds something else in the place of rates.
    """
    seen = await published.read()
    async with connected(shard_urls) as shards:
        states = await all_states(shards)
        known = {day: each.rates for day, each in (await snapshots.known_to(shards)).items()}
        newest = known[max(state.rates_date for state in states)]
        uses = []
        for shard, state in zip(shards, states, strict=True):
            async with shard.reached() as connection:
                behind = sum((await Reconversion(newest, known).pending(connection)).values())
            uses.append(ShardRates(shard.name, state.rates_date, state.reach, behind))
    return RatesInUse(newest, uses, seen.date if seen else None)
