"""The servers that a driven fleet stands on, brought back to a beginning before every run."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID, uuid4

from redis.asyncio import Redis
from sqlalchemy import delete, insert, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.databases import open_engine
from shared.fare_boards.store import BoardStore
from shared.money import Rates
from shared.schema.accounts import devices, notifications, users
from shared.schema.shards import rates as rates_table
from shared.schema.shards import shard_state
from shared.shard_map import ShardMap
from tests.development_rates import RATES

FIRST_RATES_DATE = date(2090, 2, 28)


@dataclass
class Servers:
    """Connections that all runs share."""

    redis: Redis
    redis_url: str
    boards: BoardStore
    urls: list[str]
    engines: list[AsyncEngine]
    accounts: AsyncEngine
    traveller: UUID

    @classmethod
    async def connect(cls, redis_url: str, shard_urls: list[str], accounts_url: str) -> "Servers":
        engines = [open_engine(url, application="tests", pool_size=4) for url in shard_urls]
        accounts = open_engine(accounts_url, application="tests", pool_size=4)
        return cls(
            Redis.from_url(redis_url),
            redis_url,
            BoardStore(redis_url),
            shard_urls,
            engines,
            accounts,
            await _traveller(accounts),
        )

    async def reset(self, rates: Rates) -> None:
        """Empty boards, and shards without alerts under the first map and these rates."""
        await self.redis.flushall()
        first = ShardMap.even(len(self.engines))
        state = {"map_version": first.version, "shards": list(first.shards), "rates_date": rates.date, "reach": 1}
        for engine in self.engines:
            async with engine.begin() as connection:
                for table in ("alerts", "arriving_alerts", "departed_alerts", "bucket_transit", "rates"):
                    await connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608  # from the line above
                await connection.execute(update(shard_state).values(state))
                await connection.execute(
                    insert(rates_table).values(date=rates.date, reference=rates.reference, factors=dict(rates.factors))
                )
        async with self.accounts.begin() as connection:
            await connection.execute(delete(notifications).where(notifications.c.user_id == self.traveller))

    async def close(self) -> None:
        """Leave shards as other tests expect them."""
        await self.reset(RATES)
        await self.redis.aclose()
        await self.boards.close()
        for engine in (*self.engines, self.accounts):
            await engine.dispose()


async def _traveller(accounts: AsyncEngine) -> UUID:
    user = uuid4()
    async with accounts.begin() as connection:
        await connection.execute(insert(users).values(id=user, email=f"{user}@example.org", password_hash="-"))
        await connection.execute(
            insert(devices).values(
                id=uuid4(), user_id=user, token=str(user), platform="ios", locale="en", time_zone="UTC"
            )
        )
    return user
