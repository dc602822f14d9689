"""An alert on one of two shards, edits that take it to the other, and what lies on them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.alerts_api.alerts.edits import AlertEditor
from services.alerts_api.alerts.patching import patched
from services.alerts_api.alerts.resources import AlertRequest, Money, Target
from services.alerts_api.alerts.store import AlertsStore
from services.alerts_api.alerts.stored import StoredAlert
from shared.airports import cities
from shared.alerts.arrivals import finish_arrivals
from shared.failpoints import Failpoints
from shared.shard_map import ShardMap
from shared.shards import Shards
from tests.integration.stepped_shards import Work

NOW = datetime.now(UTC)
USER = uuid4()
MAP = ShardMap.even(4)
AT_ONCE = timedelta(0)
NO_FAILPOINTS = Failpoints(None)
# find, enter, leave, activate, forget
STEPS_OF_A_MOVE = 5


def origin_in(shard: int) -> str:
    """A city whose route to London lies in this shard."""
    return next(city for city in sorted(cities()) if MAP.shard_of(f"{city}-LON") == shard)


HERE, THERE = origin_in(0), origin_in(1)


def wish(**changes: Any) -> AlertRequest:  # noqa: ANN401  # of every field
    first = NOW.date() + timedelta(days=30)
    good: dict[str, Any] = {
        "origin": HERE,
        "destination": "LON",
        "departure_from": first,
        "departure_to": first,
        "rule": Target(Money(12_000, "USD")),
    }
    return AlertRequest(**good | changes)


@pytest.fixture
async def engines(shard_engines: list[AsyncEngine]) -> list[AsyncEngine]:
    """Two of the shards are enough to move between."""
    return shard_engines[:2]


@pytest.fixture
async def shards(engines: list[AsyncEngine]) -> Shards:
    return Shards(engines)


@pytest.fixture
async def alert_id(shards: Shards) -> UUID:
    return (await AlertsStore(shards).add(USER, wish(), NOW)).id


def editing(alert_id: UUID, patch: dict[str, Any], failpoints: Failpoints = NO_FAILPOINTS) -> Work:
    """An edit, as work on some shards."""

    async def work(shards: Shards) -> StoredAlert:
        return await AlertEditor(shards, failpoints).edit(USER, alert_id, partial(patched, patch=patch), NOW)

    return work


def sweeping(shards: Shards) -> Any:  # noqa: ANN401  # an awaitable
    return finish_arrivals(shards, AT_ONCE)


async def rows(engines: Sequence[AsyncEngine], table: str = "alerts") -> list[dict[str, Any]]:
    found = []
    for shard, engine in enumerate(engines):
        async with engine.connect() as connection:
            answer = await connection.execute(text(f"SELECT * FROM {table}"))  # noqa: S608 - ours
            found += [{"shard": shard, **row} for row in answer.mappings()]
    return found


async def swept(engines: Sequence[AsyncEngine]) -> list[dict[str, Any]]:
    """The alerts after a sweep, which leaves nothing of any move."""
    await sweeping(Shards(engines))
    assert await rows(engines, "arriving_alerts") == []
    assert await rows(engines, "departed_alerts") == []
    return await rows(engines)
