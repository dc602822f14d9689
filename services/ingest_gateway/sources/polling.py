"""All sources side by side: each is polled by one of the gateway's processes."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from datetime import datetime

import aiohttp

from services.ingest_gateway.sources.api_work import ApiWork
from services.ingest_gateway.sources.files.folder_work import FolderWork
from services.ingest_gateway.sources.giving import Taker
from services.ingest_gateway.sources.keeping import Keeping
from services.ingest_gateway.sources.last_cycles import LastCycles
from services.ingest_gateway.sources.lease import Lease
from services.ingest_gateway.sources.opening import api_of
from services.ingest_gateway.sources.records import Records
from services.ingest_gateway.sources.settings import FolderSettings, SourceSettings
from services.ingest_gateway.sources.source_cycle import Work
from services.ingest_gateway.sources.transport import open_session
from shared.cycles import CycleBook, Tally
from shared.redis_connections import open_redis


class Polling:
    """Polls sources.

    Args:
        sources: which, and when.
        intake: takes their fares.
        redis_url: where leases, turns and cycles are kept; a server's or a cluster's.
        tally: what this process has counted of each cycle's fares.
        clock: tells the instant in UTC.
    """

    def __init__(
        self,
        sources: Sequence[SourceSettings],
        intake: Taker,
        redis_url: str,
        tally: Tally,
        clock: Callable[[], datetime],
    ) -> None:
        self._sources = sources
        self._intake = intake
        self._redis_url = redis_url
        self._tally = tally
        self._clock = clock

    async def run(self, stopping: asyncio.Event) -> None:
        """Poll until the event is set; pages in hand are given away before it returns."""
        async with AsyncExitStack() as closing:
            redis, book = open_redis(self._redis_url), CycleBook(self._redis_url)
            closing.push_async_callback(redis.aclose)
            closing.push_async_callback(book.close)
            session = await closing.enter_async_context(open_session())
            async with asyncio.TaskGroup() as polling:
                for source in self._sources:
                    last_cycles = LastCycles(redis)
                    records = Records(source.name, source.brings_within, last_cycles, book, self._tally, self._clock)
                    lease = Lease(redis, source.name)
                    work = self._work(source, session)
                    keeping = Keeping(source.name, source.every, work, lease, records, self._clock)
                    polling.create_task(keeping.run(stopping), name=f"source {source.name}")

    def _work(self, source: SourceSettings, session: aiohttp.ClientSession) -> Work:
        if isinstance(source, FolderSettings):
            return FolderWork(source, self._intake)
        return ApiWork(source, api_of(source), session, self._intake, self._clock)
