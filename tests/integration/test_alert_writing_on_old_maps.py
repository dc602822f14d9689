"""Who writes an alert with an old shard map in hand goes by the new one."""

from collections.abc import Sequence
from uuid import UUID

import pytest
import stamina
from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from services.alerts_api.alerts.store import AlertsStore
from services.alerts_api.alerts.stored import StoredAlert
from shared.errors import MapMovedError
from shared.schema.shards import shard_state
from shared.shard_map import ShardMap, bucket_of
from shared.shards import Shards
from tests.integration.alerts_on_the_move import (
    HERE,
    MAP,
    NOW,
    THERE,
    USER,
    alert_id,
    editing,
    engines,
    rows,
    shards,
    sweeping,
    wish,
)
from tests.integration.stepped_shards import Actor

__all__ = ["alert_id", "engines", "shards"]


async def set_map(engines: Sequence[AsyncEngine], shard_map: ShardMap) -> None:
    for engine in engines:
        async with engine.begin() as connection:
            await connection.execute(
                update(shard_state).values(map_version=shard_map.version, shards=list(shard_map.shards))
            )


async def test_a_writer_with_an_old_map_goes_by_the_new_one(engines: list[AsyncEngine], shards: Shards) -> None:
    await shards.refresh()
    await set_map(engines, MAP.moved(bucket_of(f"{HERE}-LON"), 1))
    alert_id = (await AlertsStore(shards).add(USER, wish(), NOW)).id
    assert [row["shard"] for row in await rows(engines)] == [1]
    await editing(alert_id, {"cabin": "first"})(shards)
    assert [(row["shard"], row["cabin"]) for row in await rows(engines)] == [(1, 3)]


async def test_a_writer_waits_while_a_bucket_changes_hands(engines: list[AsyncEngine], shards: Shards) -> None:
    """The old shard has given it away, and the new one has yet to take it."""
    await shards.refresh()
    moved = MAP.moved(bucket_of(f"{HERE}-LON"), 1)
    await set_map(engines[:1], moved)
    with stamina.set_testing(True, attempts=2), pytest.raises(MapMovedError):
        await AlertsStore(shards).add(USER, wish(), NOW)
    adding = Actor(engines, lambda shards: AlertsStore(shards).add(USER, wish(), NOW))
    await adding.step()
    await set_map(engines[1:], moved)
    assert isinstance(await adding.end(), StoredAlert)
    assert [row["shard"] for row in await rows(engines)] == [1]


async def test_a_mover_whose_old_shard_gives_the_bucket_away_goes_on_from_the_new_one(
    shard_engines: list[AsyncEngine], alert_id: UUID
) -> None:
    mover = Actor(shard_engines, editing(alert_id, {"origin": THERE}))
    for _ in range(2):
        await mover.step()
    async with shard_engines[0].begin() as source, shard_engines[2].begin() as target:
        content = await source.scalar(text("DELETE FROM alerts RETURNING to_jsonb(alerts)::text"))
        await target.execute(
            text("INSERT INTO alerts SELECT * FROM jsonb_populate_record(NULL::alerts, CAST(:content AS jsonb))"),
            {"content": content},
        )
    await set_map(shard_engines, MAP.moved(bucket_of(f"{HERE}-LON"), 2))
    assert isinstance(await mover.end(), StoredAlert)
    await sweeping(Shards(shard_engines))
    assert [(row["shard"], row["revision"]) for row in await rows(shard_engines)] == [(1, 1)]
    assert await rows(shard_engines, "arriving_alerts") == []
