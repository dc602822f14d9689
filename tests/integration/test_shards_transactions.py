"""A transaction on a shard goes by the newest map, even if it had to wait for it."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Sequence

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.errors import ConfigurationError, MapMovedError, UnavailableError
from shared.shard_map import ShardMap
from shared.shards import Shards, refresh_on_hangup
from tests.integration.shard_contents import run

# By the first map of four shards the bucket is on shard 2, the other on shard 3.
BUCKET, OTHER = 742, 1000
FIRST = ShardMap.even(4)
SECOND = FIRST.moved(BUCKET, 0)
AWAY = "postgresql://nobody:x@127.0.0.1:1/none"

_LOCK_NOW = "DO $$ BEGIN LOCK TABLE shard_state IN ACCESS EXCLUSIVE MODE NOWAIT; END $$"
_SET_MAP = "UPDATE shard_state SET map_version = $1, shards = $2"


@pytest.fixture
async def urls(shard_urls: list[str], shard_engines: list[AsyncEngine]) -> list[str]:
    """The run's shards, all under the first map."""
    assert shard_engines
    return shard_urls


@pytest.fixture
async def shards(urls: list[str]) -> AsyncIterator[Shards]:
    """The shards as a service sees them that has read the first map."""
    shards = Shards.at(urls, application="tests", pool_size=2)
    await shards.refresh()
    yield shards
    await shards.close()


async def set_maps(urls: Sequence[str], shard_map: ShardMap) -> None:
    for url in urls:
        await run(url, _SET_MAP, shard_map.version, shard_map.shards)


async def begin(shards: Shards, shard: int, buckets: Sequence[int]) -> None:
    async with shards.transaction(shard, buckets):
        pass


async def waiting_for_the_state(url: str) -> None:
    """Return when somebody waits for the table of the shard's state."""
    waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'shard_state'::regclass"
    async with asyncio.timeout(10):
        while not await run(url, waiting):
            pass


@pytest.mark.parametrize("shard", [2, 0])
async def test_a_transaction_that_waited_for_a_switch_sees_the_map_after_it(
    urls: list[str], shards: Shards, shard: int
) -> None:
    """Both on the shard that gives the bucket away and on the one that gets it."""
    switching = await asyncpg.connect(urls[shard])
    async with switching.transaction():
        await switching.execute("LOCK TABLE shard_state IN ACCESS EXCLUSIVE MODE")
        beginning = asyncio.create_task(begin(shards, shard, [BUCKET]))
        await waiting_for_the_state(urls[shard])
        await switching.execute(_SET_MAP, SECOND.version, SECOND.shards)
    await switching.close()

    if shard == 2:
        with pytest.raises(MapMovedError, match="shard2"):
            await beginning
    else:
        await beginning
    assert shards.map == SECOND


async def test_a_switch_waits_for_a_transaction_that_has_begun(urls: list[str], shards: Shards) -> None:
    async with shards.transaction(2, [BUCKET]):
        with pytest.raises(asyncpg.LockNotAvailableError):
            await run(urls[2], _LOCK_NOW)
    await run(urls[2], _LOCK_NOW)


async def test_an_old_map_is_refused_and_the_new_one_taken_over(urls: list[str], shards: Shards) -> None:
    await set_maps(urls, SECOND)
    with pytest.raises(MapMovedError):
        await begin(shards, 2, [BUCKET])
    assert shards.map == SECOND
    await begin(shards, 0, [BUCKET])


async def test_a_shard_that_has_not_heard_yet_serves_what_the_move_does_not_concern(
    urls: list[str], shards: Shards
) -> None:
    await set_maps(urls[:1], SECOND)
    await shards.refresh()
    assert shards.map == SECOND
    await begin(shards, 3, [OTHER])
    with pytest.raises(MapMovedError):
        await begin(shards, 2, [BUCKET])


async def test_a_target_that_has_not_switched_is_not_asked_for_the_bucket(urls: list[str], shards: Shards) -> None:
    await set_maps(urls[2:3], SECOND)
    await shards.refresh()
    with pytest.raises(MapMovedError, match="shard0"):
        await begin(shards, 0, [BUCKET])


async def test_the_map_is_read_from_the_shards_that_answer(urls: list[str]) -> None:
    await set_maps(urls[:1], SECOND)
    shards = Shards.at([*urls[:2], AWAY, urls[3]], application="tests", pool_size=1)
    assert await shards.current_map() == SECOND
    await begin(shards, 3, [OTHER])
    with pytest.raises(UnavailableError, match="shard2"):
        await begin(shards, 2, [])
    await shards.close()


async def test_without_any_shard_there_is_no_map(urls: list[str]) -> None:
    shards = Shards.at([AWAY] * len(urls), application="tests", pool_size=1)
    with pytest.raises(UnavailableError):
        await shards.current_map()
    await shards.close()


async def test_a_shard_of_which_a_service_was_not_told_is_refused_in_words(urls: list[str]) -> None:
    shards = Shards.at(urls[:3], application="tests", pool_size=1)
    with pytest.raises(ConfigurationError, match="names shard3, and SHARD_URLS 3 shards: name all, then restart"):
        await begin(shards, (await shards.current_map()).shards[OTHER], [OTHER])
    await shards.close()


async def test_a_hangup_brings_the_newest_map(urls: list[str], shards: Shards) -> None:
    refresh_on_hangup(shards)
    await set_maps(urls[:1], SECOND)
    os.kill(os.getpid(), signal.SIGHUP)
    async with asyncio.timeout(10):
        while shards.map != SECOND:  # noqa: ASYNC110  # nothing tells of it
            await asyncio.sleep(0.01)
    asyncio.get_running_loop().remove_signal_handler(signal.SIGHUP)


async def test_a_hangup_while_no_shard_answers_does_no_harm(urls: list[str], caplog: pytest.LogCaptureFixture) -> None:
    shards = Shards.at([AWAY] * len(urls), application="tests", pool_size=1)
    refresh_on_hangup(shards)
    before = asyncio.all_tasks()
    os.kill(os.getpid(), signal.SIGHUP)
    async with asyncio.timeout(10):
        while not (refreshing := asyncio.all_tasks() - before):  # noqa: ASYNC110  # a signal comes when it comes
            await asyncio.sleep(0)
        await asyncio.gather(*refreshing)
    assert not shards.map.version
    assert caplog.records == []
    asyncio.get_running_loop().remove_signal_handler(signal.SIGHUP)
    await shards.close()
