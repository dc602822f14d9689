"""A bucket's alerts as a copy elsewhere, brought closer to the original round by round and without a lock.

The copy lies in the target's `bucket_transit`, where it counts for nobody. A row's version is its xmin, the
transaction that wrote it: a row that was written again since it was copied has another.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from fleet.shards.connections import Shard
from shared.shard_map import bucket_of

# Alerts in one statement: a few megabytes.
BATCH: Final = 5_000

_ROUTES: Final = "SELECT DISTINCT route FROM alerts"
_VERSIONS: Final = "SELECT id, xmin::text AS version FROM alerts WHERE route = ANY ($1)"
_READ: Final = "SELECT id, xmin::text AS version, to_jsonb(alerts)::text AS content FROM alerts WHERE id = ANY ($1)"
_WRITE: Final = """
    INSERT INTO bucket_transit (id, bucket, content)
    SELECT id, $1, content FROM unnest($2::uuid[], $3::jsonb[]) AS alert (id, content)
    ON CONFLICT (id) DO UPDATE SET content = excluded.content
"""
_DELETE: Final = "DELETE FROM bucket_transit WHERE id = ANY ($1)"


@dataclass
class BucketCopy:
    """The copy of one bucket in another shard.

    Attributes:
        routes: those of the bucket that had alerts in the last round.
        versions: of every alert, that of its copied row.
    """

    bucket: int
    source: Shard
    target: Shard
    routes: list[str] = field(default_factory=list, init=False)
    versions: dict[UUID, str] = field(default_factory=dict, init=False)

    async def catch_up(self, copied: Callable[[int, int], None]) -> int:
        """Copy what is new or was written again, delete what is gone; returns how many alerts differed.

        Args:
            copied: is told, after each batch, how many alerts of how many are copied.

        Raises:
            UnavailableError: a shard went away.
        """
        current = await self._look()
        gone = self.versions.keys() - current.keys()
        changed = [alert for alert, version in current.items() if self.versions.get(alert) != version]
        for start in range(0, len(changed), BATCH):
            await self._copy(changed[start : start + BATCH])
            copied(min(start + BATCH, len(changed)), len(changed))
        await self._delete(gone)
        return len(changed) + len(gone)

    async def _look(self) -> dict[UUID, str]:
        async with self.source.reached() as connection:
            routes = [row["route"] for row in await connection.fetch(_ROUTES)]
            self.routes = [route for route in routes if bucket_of(route) == self.bucket]
            rows = await connection.fetch(_VERSIONS, self.routes)
        return {row["id"]: row["version"] for row in rows}

    async def _copy(self, batch: Sequence[UUID]) -> None:
        async with self.source.reached() as connection:
            rows = await connection.fetch(_READ, batch)
        async with self.target.reached() as connection:
            ids, contents = [row["id"] for row in rows], [row["content"] for row in rows]
            await connection.execute(_WRITE, self.bucket, ids, contents)
        self.versions.update((row["id"], row["version"]) for row in rows)

    async def _delete(self, gone: Collection[UUID]) -> None:
        async with self.target.reached() as connection:
            await connection.execute(_DELETE, list(gone))
        for alert in gone:
            del self.versions[alert]
