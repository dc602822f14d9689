"""Which alerts are on no shard, neither in use nor on their way."""

from collections.abc import Collection
from functools import partial
from uuid import UUID

from sqlalchemy import select, union_all

from shared.schema.shards import alerts, arriving_alerts, bucket_transit
from shared.shards import Shards


async def absent(shards: Shards, ids: Collection[UUID]) -> set[UUID]:
    """Those of these alerts that are nowhere.

    Raises:
        UnavailableError: a shard is away, on which they may be.
    """
    unseen = set(ids)
    for _ in range(2):  # one may slip past us from a shard that we have yet to ask to one that we have asked
        parts = await shards.on_each(partial(_present, shards, unseen))
        unseen = unseen.difference(*parts)
    return unseen


async def _present(shards: Shards, ids: set[UUID], shard: int) -> set[UUID]:
    tables = (alerts, arriving_alerts, bucket_transit)
    wanted = union_all(*(select(table.c.id).where(table.c.id.in_(ids)) for table in tables))
    async with shards.transaction(shard, []) as transaction:
        return set(await transaction.connection.scalars(wanted))
