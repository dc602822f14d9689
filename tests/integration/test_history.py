"""The history worker on real shards: every change is kept, and counted once, whatever fails or comes again."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import date, timedelta
from itertools import permutations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from fleet.partitions import make_months
from fleet.servers.ports import free_ports
from services.history_worker.forgetting import KEPT, Forgetting
from shared import metrics
from shared.databases import open_engine
from shared.deliveries import Done, Park
from shared.errors import UnreadableError
from shared.schema.shards import shard_state
from shared.shard_map import ShardMap, bucket_of
from shared.topology import CHANGES_HISTORY
from tests.integration.crashing import CrashError, Crashing
from tests.integration.kept_history import HistoryWorker, delivery_of, forget_all, kept
from tests.unit.past_changes import DAY, NOW, Document, body_of, change, changes, history_of

FIRST_MAP = ShardMap.even(4)
PAIRS = list(product(("JFK", "SIN", "CDG"), ("LHR", "BCN")))
EVERYWHERE = [change(price, origin=origin, destination=to) for price, (origin, to) in enumerate(PAIRS, start=100)]
NEWER = [change | {"price": 90, "observed_at": NOW + timedelta(seconds=1)} for change in EVERYWHERE]


@pytest.fixture
async def engines(shard_engines: list[AsyncEngine]) -> list[AsyncEngine]:
    """The run's shards without a history."""
    await forget_all(shard_engines)
    return shard_engines


@pytest.fixture
def worker(engines: list[AsyncEngine]) -> HistoryWorker:
    return HistoryWorker(engines)


async def test_changes_of_all_routes_are_kept_on_the_shards_of_their_routes(worker: HistoryWorker) -> None:
    assert await worker.keep(EVERYWHERE, NEWER) == [Done()] * 2
    assert await kept(worker.engines) == history_of([*EVERYWHERE, *NEWER])
    for number, engine in enumerate(worker.engines):
        routes = {key.route for key in await kept([engine])}
        assert routes, "the pairs are chosen so that each shard has some"
        assert {FIRST_MAP.shard_of(route) for route in routes} == {number}


Message = list[Document]
Calls = list[list[Message]]


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[Message], Calls]:
    """Messages, and the calls in which they come: in any order, each once or more often."""
    messages = draw(st.lists(st.lists(changes, min_size=1, max_size=6), min_size=1, max_size=4))
    again = draw(st.lists(st.sampled_from(messages), max_size=3))
    left = draw(st.permutations([*messages, *again]))
    calls = []
    while left:
        size = draw(st.integers(1, 3))
        calls.append(left[:size])
        left = left[size:]
    return messages, calls


@pytest.fixture
def by_hand(shard_urls: list[str]) -> Iterator[tuple[asyncio.Runner, list[AsyncEngine]]]:
    """A loop, and engines of the shards on it, for a test that cannot await."""
    with asyncio.Runner() as runner:
        engines = [open_engine(url, application="tests", pool_size=4) for url in shard_urls]
        yield runner, engines
        for engine in engines:
            runner.run(engine.dispose())


def test_any_batching_any_order_and_any_repeat_give_the_rows_of_the_plainest_history(
    by_hand: tuple[asyncio.Runner, list[AsyncEngine]],
) -> None:
    runner, engines = by_hand

    @settings(max_examples=30, deadline=None)
    @given(deliveries())
    def compare(given_deliveries: tuple[list[Message], Calls]) -> None:
        runner.run(compare_with_model(engines, *given_deliveries))

    compare()


async def compare_with_model(engines: Sequence[AsyncEngine], messages: list[Message], calls: Calls) -> None:
    await forget_all(engines)
    worker = HistoryWorker(engines)
    for call in calls:
        assert set(await worker.keep(*call)) == {Done()}
    distinct = {body_of(message): message for message in messages}.values()
    assert await kept(engines) == history_of(each for message in distinct for each in message)


@pytest.mark.parametrize("order", [*permutations(range(3))])
async def test_of_what_was_observed_at_once_the_cheapest_counts_whichever_comes_first(
    worker: HistoryWorker, order: tuple[int, ...]
) -> None:
    at_once = [[change(101, reference_price=80)], [change(100, reference_price=91)], [change(100, reference_price=90)]]
    for message in order:
        await worker.keep(at_once[message])
    ((row,),) = [(await kept(worker.engines)).values()]
    assert (row.last, row.last_reference, row.low, row.low_reference) == (100, 90, 100, 90)


@pytest.mark.parametrize("point", ["upserted", "committed"])
async def test_a_message_that_is_repeated_after_a_crash_counts_once(worker: HistoryWorker, point: str) -> None:
    await worker.keep(NEWER)
    crashing = HistoryWorker(worker.engines, Crashing(f"history_worker.{point}"))
    with pytest.raises(CrashError):
        await crashing.keep(EVERYWHERE)
    assert await worker.keep(EVERYWHERE) == [Done()]
    assert await kept(worker.engines) == history_of([*EVERYWHERE, *NEWER])


async def test_while_a_shard_is_down_the_others_go_on_and_nothing_is_counted_twice_when_it_is_back(
    worker: HistoryWorker,
) -> None:
    """Also where the message comes again before it is known to be parked."""
    (closed_port,) = free_ports(1)
    down = open_engine(f"postgresql://nobody:secret@127.0.0.1:{closed_port}/none", application="tests", pool_size=1)
    crippled = HistoryWorker([*worker.engines[:2], down, worker.engines[3]])

    assert await crippled.keep(EVERYWHERE, NEWER) == [Park("shard_unavailable")] * 2

    all_of_it = history_of([*EVERYWHERE, *NEWER])
    elsewhere = {key: row for key, row in all_of_it.items() if FIRST_MAP.shard_of(key.route) != 2}
    assert len(elsewhere) < len(all_of_it)
    assert await kept(worker.engines) == elsewhere
    for _ in range(2):
        assert await worker.keep(EVERYWHERE, NEWER) == [Done()] * 2
        assert await kept(worker.engines) == all_of_it
    await down.dispose()


async def test_a_part_for_a_bucket_that_has_moved_is_parked_and_goes_where_it_belongs(worker: HistoryWorker) -> None:
    await worker.shards.current_map()  # the old map is known by now
    before = FIRST_MAP.shard_of("NYC-LON")
    newer = FIRST_MAP.moved(bucket_of("NYC-LON"), (before + 1) % 4)
    for engine in worker.engines:
        async with engine.begin() as connection:
            await connection.execute(update(shard_state).values(map_version=newer.version, shards=list(newer.shards)))
    assert await worker.keep(EVERYWHERE) == [Park("map_moved")]
    assert await worker.keep(EVERYWHERE) == [Done()]
    assert await kept(worker.engines) == history_of(EVERYWHERE)
    assert "NYC-LON" in {key.route for key in await kept([worker.engines[newer.shard_of("NYC-LON")]])}


async def test_two_workers_on_the_same_rows_never_wait_for_each_other_in_a_circle(worker: HistoryWorker) -> None:
    days = [DAY + timedelta(days=ahead) for ahead in range(100)]
    messages = [
        [each | {"departure_date": day, "price": 100 + number} for day in days for each in EVERYWHERE]
        for number in range(6)
    ]
    others = HistoryWorker(worker.engines)
    calls = (worker.keep(*messages[:3]), others.keep(*messages[:2:-1]), others.keep(*messages[::-1]))
    assert [set(outcome) for outcome in await asyncio.gather(*calls)] == [{Done()}] * 3
    assert await kept(worker.engines) == history_of(each for message in messages for each in message)


@pytest.fixture
async def missing(engines: list[AsyncEngine]) -> AsyncIterator[date]:
    """A day of departure in a month that no shard has room for."""
    day = DAY + timedelta(days=200)
    partition = f"price_history_{day:%Y%m}"
    for engine in engines:
        async with engine.begin() as connection:
            await connection.execute(text(f"DROP TABLE {partition}"))
    yield day
    for engine in engines:
        async with engine.begin() as connection:
            await make_months(connection, [partition])


async def test_changes_whose_month_has_no_partition_are_set_aside_once_and_the_others_kept(
    worker: HistoryWorker, missing: date
) -> None:
    lost = [change(90, departure_date=missing), change(91, departure_date=missing)]
    set_aside = metrics.SET_ASIDE.labels(CHANGES_HISTORY.name, "departure_month_missing")
    before = set_aside._value.get()  # the library gives a child's value no other way
    assert await worker.keep([*lost, *EVERYWHERE], lost[:1]) == [Done()] * 2
    assert await worker.keep([*lost, *EVERYWHERE]) == [Done()]
    assert await kept(worker.engines) == history_of(EVERYWHERE)
    assert set_aside._value.get() - before == 3  # as above


async def test_invalid_changes_are_set_aside_and_a_body_that_cannot_be_read_is_no_concern_of_others(
    worker: HistoryWorker,
) -> None:
    assert await worker.keep([change(0), change(5, destination="XXX")], EVERYWHERE) == [Done()] * 2
    assert await kept(worker.engines) == history_of(EVERYWHERE)
    with pytest.raises(UnreadableError):
        await worker.handle([delivery_of(b"")])


async def test_what_was_counted_is_forgotten_when_no_repeat_can_come_any_more(worker: HistoryWorker) -> None:
    await worker.keep(EVERYWHERE)
    for engine in worker.engines:
        async with engine.begin() as connection:
            await connection.execute(text("UPDATE counted_messages SET counted_at = :at"), {"at": NOW - KEPT})
    await worker.keep(NEWER)
    forgetting = Forgetting(worker.shards, lambda: NOW + timedelta(seconds=1))
    for shard in worker.shards.numbers:
        await forgetting.forget(shard)
    await worker.keep(NEWER)
    assert await kept(worker.engines) == history_of([*EVERYWHERE, *NEWER])
    remembered = [await count_names(engine) for engine in worker.engines]
    assert sum(remembered) == len({bucket_of(key.route) for key in history_of(NEWER)})


async def count_names(engine: AsyncEngine) -> int:
    async with engine.connect() as connection:
        return int(await connection.scalar(text("SELECT count(*) FROM counted_messages")) or 0)
