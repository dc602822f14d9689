"""The alarm that notifications lie in the default partition, for want of one of their day."""

from typing import Final

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared import metrics
from shared.databases import reaching

COUNT: Final = text("SELECT count(*) FROM notifications_default")
EVERY_S: Final = 60.0

log = structlog.get_logger()


@reaching("accounts")
async def watch_default_partition(engine: AsyncEngine) -> None:
    """Look whether anything lies in the default partition.

    Raises:
        UnavailableError: the database is away.
    """
    async with engine.connect() as connection:
        count = await connection.scalar(COUNT) or 0
    metrics.NOTIFICATIONS_IN_DEFAULT_PARTITION.set(count)
    if count:
        log.error("notifications_in_default_partition", count=count, remedy="run `farelark partitions`")
