"""The alerts that notices are about, read from their shards."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from uuid import UUID

from sqlalchemy import text

from services.notifier.vetting.revocation import Alert
from shared.breaker import Breaker
from shared.messages.notifications import Notice
from shared.shard_map import bucket_of
from shared.shards import Shards

ALERTS = text("SELECT id, revision, state FROM alerts WHERE id = ANY(CAST(:ids AS uuid[]))")


class AlertReader:
    """Reads alerts where the routes of their notices lead; a shard that keeps failing is left alone for a while."""

    def __init__(self, shards: Shards) -> None:
        self._shards = shards
        self._breakers = [Breaker(shards.name(shard)) for shard in shards.numbers]

    async def by_shard(self, notices: Iterable[Notice]) -> dict[int, list[Notice]]:
        """Sort notices by the shard that holds their routes.

        Raises:
            UnavailableError: the shard map is not known yet, and no shard answers.
        """
        shard_map = await self._shards.current_map()
        parts: dict[int, list[Notice]] = {}
        for notice in notices:
            parts.setdefault(shard_map.shard_of(notice.route), []).append(notice)
        return parts

    async def read(self, shard: int, notices: Sequence[Notice]) -> dict[UUID, Alert]:
        """Find the alerts of these notices on one shard, by id; one that is gone or elsewhere is left out.

        Raises:
            UnavailableError: the shard cannot be reached.
            MapMovedError: it does not hold one of the routes.
            ConfigurationError: this process was not told where the shard is.
        """
        buckets = {bucket_of(notice.route) for notice in notices}
        async with self._guard(shard), self._shards.transaction(shard, buckets) as transaction:
            rows = await transaction.connection.execute(ALERTS, {"ids": [notice.alert_id for notice in notices]})
            return {row.id: Alert(row.revision, row.state) for row in rows}

    def _guard(self, shard: int) -> AbstractAsyncContextManager[None]:
        """Guard a shard; one that only the map knows has no breaker, and the transaction says so."""
        return self._breakers[shard].guard() if shard in self._shards.numbers else nullcontext()
