"""How far a cycle has come, as all processes together have counted it."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from shared.cycles import CycleBook, Stage, Tally, tallying
from shared.errors import UnavailableError
from shared.sweeps import SweepCounts, SweepEnding
from tests.private_servers import Servers

UNREACHABLE = "redis://127.0.0.1:1/0"


@pytest.fixture
async def book(servers: Servers, redis: Redis) -> AsyncIterator[CycleBook]:
    assert redis  # emptied
    book = CycleBook(servers.redis.url)
    yield book
    await book.close()


async def test_there_is_no_cycle_before_the_first(book: CycleBook) -> None:
    assert await book.newest() is None


async def test_what_processes_count_adds_up(book: CycleBook) -> None:
    for published in (3, 4):
        await book.add("one", {Stage.PUBLISHED: published, Stage.COMPARED: 1})
    cycle = await book.newest()
    assert cycle
    assert (cycle.id, cycle.counts) == ("one", {Stage.PUBLISHED: 7, Stage.COMPARED: 2})


async def test_the_newest_cycle_stays_so_while_an_older_one_is_finished(book: CycleBook, redis: Redis) -> None:
    await book.add("old", {Stage.PUBLISHED: 1})
    await redis.hset("cycle:of:old", "started", 1)  # long ago: two of one millisecond are equally new
    await redis.delete("cycle:newest")
    await book.add("old", {Stage.PUBLISHED: 1})
    await book.add("new", {Stage.PUBLISHED: 5})
    await book.add("old", {Stage.TOLD: 2})
    cycle = await book.newest()
    assert cycle
    assert (cycle.id, cycle.counts) == ("new", {Stage.PUBLISHED: 5})


async def test_a_source_opens_its_cycle_and_closes_it_with_counts(book: CycleBook) -> None:
    await book.open_cycle("one")
    begun = await book.newest()
    assert begun
    assert (begun.id, begun.counts, begun.swept) == ("one", {}, None)
    await book.add("one", {Stage.PUBLISHED: 7})
    counts = SweepCounts(requests=3, fares=7, set_aside=2, skipped=1, failed=0)
    await book.close_cycle("one", SweepEnding.COMPLETE, counts)
    closed = await book.newest()
    assert closed
    assert closed.swept
    assert (closed.counts, closed.swept.ending, closed.swept.counts) == (
        {Stage.PUBLISHED: 7},
        SweepEnding.COMPLETE,
        counts,
    )
    assert closed.swept.at >= closed.started


async def test_a_cycle_that_another_version_closed_in_its_own_words_is_shown_without_them(
    book: CycleBook, redis: Redis
) -> None:
    await book.open_cycle("one")
    await book.close_cycle("one", SweepEnding.COMPLETE, SweepCounts())
    await redis.hset("cycle:of:one", "ending", "later")
    cycle = await book.newest()
    assert cycle
    assert (cycle.id, cycle.swept) == ("one", None)


async def test_a_cycle_is_forgotten_after_days(book: CycleBook, redis: Redis) -> None:
    await book.add("one", {Stage.PUBLISHED: 1})
    assert 0 < await redis.ttl("cycle:of:one") <= 2 * 24 * 3_600


async def test_a_tally_is_handed_over_at_the_end_at_the_latest(servers: Servers, book: CycleBook) -> None:
    async with tallying(servers.redis.url) as tally:
        tally.add("one", Stage.MATCHED, 2)
        tally.add("one", Stage.MATCHED, 3)
        tally.add(None, Stage.MATCHED, 100)
    cycle = await book.newest()
    assert cycle
    assert cycle.counts == {Stage.MATCHED: 5}


async def test_what_redis_does_not_take_is_kept_for_the_next_time(book: CycleBook) -> None:
    tally, away = Tally(), CycleBook(UNREACHABLE)
    tally.add("one", Stage.COMPARED, 2)
    with pytest.raises(UnavailableError):
        await tally.hand_over(away)
    tally.add("one", Stage.COMPARED, 3)
    await tally.hand_over(book)
    await tally.hand_over(book)
    await away.close()
    cycle = await book.newest()
    assert cycle
    assert cycle.counts == {Stage.COMPARED: 5}


async def test_a_worker_ends_in_good_order_while_redis_is_away() -> None:
    async with tallying(UNREACHABLE) as tally:
        tally.add("one", Stage.COMPARED, 2)
