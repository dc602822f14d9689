"""A traveller with something of everything that we keep, and a look at what of it is still there."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid4

import msgspec
from sqlalchemy import ColumnElement, Table, func, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from services.alerts_api.settings import Settings
from shared.databases import open_engine
from shared.messages.notifications import Notification, encode_one
from shared.schema import accounts, shards
from shared.shard_map import ShardMap
from shared.shards import Shards
from tests.integration.notifying import FARE, fired
from tests.integration.running_api import SHARDS, RunningApi, Traveller, wish

STORABLE: Final = msgspec.structs.replace(FARE, source="test ")  # without what no jsonb can hold
MAP: Final = ShardMap.even(SHARDS)
_CITIES: Final = ("NYC", "PAR", "ROM", "BER", "MAD", "TYO", "CHI", "SAO", "DEL", "MIL")


@dataclass(frozen=True)
class Databases:
    """Connections of a test's own to the databases of the API."""

    accounts: AsyncEngine
    shards: Shards

    async def settle(self, api: RunningApi) -> Traveller:
        """A traveller with an alert on every shard, and with something in every table of accounts."""
        traveller = api.traveller()
        for shard in range(SHARDS):
            headers = traveller.headers | {"Idempotency-Key": str(uuid4())}
            answer = api.client.post("/api/alerts", json=wish(origin=origin_in(shard)), headers=headers)
            assert answer.status_code == 201, answer.text
        device = {"token": f"canary-{traveller.id}", "platform": "ios"}
        assert traveller.post("/api/devices", device).status_code == 201
        assert traveller.put("/api/me/preferences", {"currency": "USD"}).status_code == 200
        await self.identify(traveller)
        await self.notify(traveller)
        return traveller

    async def identify(self, traveller: Traveller) -> None:
        """Let another issuer's tokens stand for the traveller."""
        identity = {"issuer": "https://issuer.example", "subject": traveller.id, "user_id": UUID(traveller.id)}
        async with self.accounts.begin() as connection:
            await connection.execute(insert(accounts.identities).values(identity))

    async def notify(self, traveller: Traveller) -> Notification:
        """Record a firing of an alert of theirs, as the notifier does that had begun before they left."""
        firing = fired(UUID(traveller.id), fare=STORABLE)
        facts = {"id": firing.id, "fired_on": firing.day, "user_id": firing.user_id, "alert_id": firing.alert_id}
        content = msgspec.json.decode(encode_one(firing))
        async with self.accounts.begin() as connection:
            await connection.execute(insert(accounts.notifications).values(facts | {"content": content}))
        return firing

    async def held(self, traveller: Traveller) -> dict[str, int]:
        """How many rows are theirs, in the tables that have any."""
        user_id = UUID(traveller.id)
        counts = {"users": await _count(self.accounts, accounts.users, accounts.users.c.id == user_id)}
        for table in accounts.metadata.sorted_tables:
            if "user_id" in table.c:
                counts[table.name] = await _count(self.accounts, table, table.c.user_id == user_id)
        for engine in self.shards.engines:
            alerts = await _count(engine, shards.alerts, shards.alerts.c.user_id == user_id)
            counts["alerts"] = counts.get("alerts", 0) + alerts
            for table in (shards.arriving_alerts, shards.bucket_transit):
                whose = table.c.content["user_id"].astext
                counts[table.name] = counts.get(table.name, 0) + await _count(engine, table, whose == traveller.id)
        return {name: count for name, count in counts.items() if count}


@asynccontextmanager
async def databases_of(settings: Settings) -> AsyncIterator[Databases]:
    """Connect to them all."""
    databases = Databases(
        open_engine(settings.accounts_url, application="tests", pool_size=4),
        Shards.at(settings.shards, application="tests", pool_size=4),
    )
    try:
        yield databases
    finally:
        await databases.accounts.dispose()
        await databases.shards.close()


def origin_in(shard: int) -> str:
    """A city whose route to London lies in this shard."""
    return next(city for city in _CITIES if MAP.shard_of(f"{city}-LON") == shard)


async def _count(engine: AsyncEngine, table: Table, whose: ColumnElement[bool]) -> int:
    async with engine.connect() as connection:
        return (await connection.execute(select(func.count()).select_from(table).where(whose))).scalar_one()
