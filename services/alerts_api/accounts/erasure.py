"""Erases what a traveller has beside the account: alerts on every shard, and notifications.

Each call erases what it finds. An alert that is being made, or that an edit moves to a shard already swept, may slip
through one sweep: it takes another one when nobody can write as this traveller any more.
"""

import asyncio
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Executable, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.alerts_api.alerts.writes import persistent
from shared.schema.accounts import notifications
from shared.schema.shards import alerts, arriving_alerts, bucket_transit
from shared.shard_map import ShardMap
from shared.shards import Shards


@persistent
async def erase_alerts(shards: Shards, user_id: UUID) -> None:
    """Delete all alerts of a user; those on shards that answer go even if another one does not.

    Raises:
        UnavailableError: a shard is away.
        MapMovedError: a bucket is between two shards, where its alerts can be neither seen nor deleted.
    """
    own = alerts.c.user_id == user_id
    # The alert workers too lock in the order of ids: nobody waits in a circle.
    lock = select(alerts.c.id).where(own).order_by(alerts.c.id).with_for_update()
    arriving = delete(arriving_alerts).where(_whose(arriving_alerts.c.content) == str(user_id))
    await _on_every_shard(shards, lock, delete(alerts).where(own), arriving)
    # `shards move` compares its copy with the originals, so these go first.
    await _on_every_shard(shards, delete(bucket_transit).where(_whose(bucket_transit.c.content) == str(user_id)))


async def erase_notifications(connection: AsyncConnection, user_id: UUID) -> None:
    """Delete all notifications of a user."""
    await connection.execute(delete(notifications).where(notifications.c.user_id == user_id))


def _whose(content: ColumnElement[Any]) -> ColumnElement[str]:
    return content["user_id"].astext


async def _on_every_shard(shards: Shards, *statements: Executable) -> None:
    shard_map = await shards.current_map()
    doing = (_execute(shards, shard, shard_map, statements) for shard in shards.numbers)
    for outcome in await asyncio.gather(*doing, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome


async def _execute(shards: Shards, shard: int, shard_map: ShardMap, statements: tuple[Executable, ...]) -> None:
    """Run these while the shard holds what the map says, all shards by the same map: then none is passed over."""
    held = [bucket for bucket, holder in enumerate(shard_map.shards) if holder == shard]
    async with shards.transaction(shard, held) as transaction:
        for statement in statements:
            await transaction.connection.execute(statement)
