"""Lets go of held notifications whose time has come: their notices are published again, to be decided on anew.

Any number of notifiers do it side by side: each takes travellers that no other has in hand.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, Final
from uuid import UUID

import structlog
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.notifier.deciding.policy import Waiting
from services.notifier.transactions import transaction
from shared.broker.broker import Broker
from shared.broker.outgoing import Outgoing
from shared.databases import reaching
from shared.failpoints import Failpoints
from shared.messages.notifications import JSON, MAX_NOTICES
from shared.topology import NOTIFICATIONS, Lane

# All that is due of a traveller is taken at once, so that it is decided on together. Whoever has the traveller in
# hand may be recording more; the next round comes soon.
DUE: Final = text("""
    WITH due AS (
        SELECT DISTINCT user_id FROM (
            SELECT user_id FROM notifications
            WHERE state = 'held' AND release_at <= :now ORDER BY release_at LIMIT :most
        ) AS first_ones
    ), free AS MATERIALIZED (
        SELECT users.id FROM users JOIN due ON due.user_id = users.id FOR NO KEY UPDATE OF users SKIP LOCKED
    )
    SELECT notifications.id, fired_on, user_id, coalesce(reason, '') AS reason, CAST(content AS text) AS content
    FROM notifications JOIN free ON free.id = notifications.user_id
    WHERE state = 'held' AND release_at <= :now
    ORDER BY user_id, reason = :digest, recorded_at, id
    FOR NO KEY UPDATE OF notifications SKIP LOCKED
""")

RELEASE: Final = text("""
    UPDATE notifications SET state = 'queued', updated_at = CAST(:now AS timestamptz)
    FROM unnest(CAST(:ids AS uuid[]), CAST(:days AS date[])) AS released (id, fired_on)
    WHERE notifications.fired_on = ANY(CAST(:days AS date[]))
        AND notifications.fired_on = released.fired_on AND notifications.id = released.id
""")

AT_ONCE: Final = 500  # held notifications whose travellers are released in one transaction
EVERY_S: Final = 3.0

log = structlog.get_logger()


class Releases:
    """Releases what was held.

    Args:
        engine: of the accounts database.
        broker: takes the notices back into their lanes.
        clock: tells the instant in UTC.
        failpoints: where tests let the notifier die.
    """

    def __init__(
        self, engine: AsyncEngine, broker: Broker, clock: Callable[[], datetime], failpoints: Failpoints
    ) -> None:
        self._engine = engine
        self._broker = broker
        self._clock = clock
        self._failpoints = failpoints

    async def release(self) -> None:
        """Release all that is due and in nobody's hands.

        Raises:
            UnavailableError: the database is away, or the broker; what is not confirmed stays held.
        """
        while await self._release_some():
            pass

    async def _release_some(self) -> int:
        """Release what is due of some travellers, and give how many notifications that were."""
        now = self._clock()
        async with transaction(self._engine) as connection:
            rows = await _due(connection, now)
            if rows:
                await self._broker.publish_all(_messages(rows))
                self._failpoints.hit("notifier.released")
                await _write(connection, rows, now)
                log.info("released", notifications=len(rows))
        return len(rows)


@reaching("accounts")
async def _due(connection: AsyncConnection, now: datetime) -> Sequence[Row[Any]]:
    wanted = {"now": now, "most": AT_ONCE, "digest": Waiting.DIGEST.value}
    return (await connection.execute(DUE, wanted)).all()


@reaching("accounts")
async def _write(connection: AsyncConnection, rows: Sequence[Row[Any]], now: datetime) -> None:
    columns = {"ids": [row.id for row in rows], "days": [row.fired_on for row in rows]}
    await connection.execute(RELEASE, columns | {"now": now})


def _messages(rows: Sequence[Row[Any]]) -> Iterator[Outgoing]:
    """Put what is due of each traveller for a lane into one message, or into as few as hold it."""
    for (_, lane), theirs in groupby(rows, _traveller_and_lane):
        contents = [row.content for row in theirs]
        for start in range(0, len(contents), MAX_NOTICES):
            body = f"[{','.join(contents[start : start + MAX_NOTICES])}]"
            yield Outgoing(lane.value, body.encode(), JSON, exchange=NOTIFICATIONS.name)


def _traveller_and_lane(row: Row[Any]) -> tuple[UUID, Lane]:
    return row.user_id, Lane.DIGEST if row.reason == Waiting.DIGEST else Lane.STANDARD
