"""A bucket's history moves with it, whatever comes meanwhile and wherever it is cut short: nothing counts twice."""

import asyncio
from datetime import timedelta
from typing import NoReturn

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from fleet.shards import history
from fleet.shards.checking import find_faults
from fleet.shards.connections import connected
from fleet.shards.moving import move_bucket
from shared.databases import open_engine
from shared.deliveries import Done
from shared.failpoints import Failpoints
from shared.shard_map import ShardMap, bucket_of
from tests.integration.bucket_moves import Pausing, move
from tests.integration.crashing import CrashError, Crashing
from tests.integration.kept_history import HistoryWorker, forget_all, kept
from tests.integration.shard_contents import meanwhile, run
from tests.unit.past_changes import DAY, NOW, Document, change, history_of

ROUTE, BUCKET = "NYC-LON", bucket_of("NYC-LON")
SOURCE = ShardMap.even(4).shard_of(ROUTE)
TARGET = (SOURCE + 1) % 4
FAILPOINTS = (
    "shards.copied",
    "shards.switched_source",
    "shards.switched_target",
    "shards.switched_all",
    "shards.cleared",
)
DAYS = [DAY + timedelta(days=ahead) for ahead in range(9)]
BEFORE = [
    change(100 + number, departure_date=day, destination=to)
    for number, day in enumerate(DAYS)
    for to in ("LHR", "CDG", "BCN")
]
# Half of it on rows that there are by then.
MEANWHILE = [
    change(50 + number, departure_date=day, origin="EWR", observed_at=NOW + timedelta(seconds=1))
    for number, day in enumerate([*DAYS[::2], DAY + timedelta(days=60), DAY + timedelta(days=90)])
]


@pytest.fixture
async def engines(shard_engines: list[AsyncEngine], monkeypatch: pytest.MonkeyPatch) -> list[AsyncEngine]:
    """The run's shards under the first map, with a history; it is copied some rows at a time."""
    monkeypatch.setattr(history, "BATCH", 2)
    await forget_all(shard_engines)
    assert await HistoryWorker(shard_engines).keep(BEFORE) == [Done()]
    return shard_engines


async def keep_elsewhere(urls: list[str], *messages: list[Document]) -> None:
    """Keep messages on a loop of its own, as another process would."""
    engines = [open_engine(url, application="tests", pool_size=1) for url in urls]
    worker = HistoryWorker(engines)
    await worker.shards.refresh()
    assert set(await worker.keep(*messages)) == {Done()}
    for engine in engines:
        await engine.dispose()


async def all_is_kept(engines: list[AsyncEngine], urls: list[str], *messages: list[Document]) -> None:
    """Everything is where it belongs, once, also when it all comes again."""
    expected = history_of(each for message in messages for each in message)
    for _ in range(2):
        assert await kept(engines) == expected
        await keep_elsewhere(urls, *messages)


async def test_the_history_is_on_the_new_shard_alone_and_what_comes_again_is_not_counted_again(
    engines: list[AsyncEngine], shard_urls: list[str]
) -> None:
    result = await move(shard_urls, BUCKET, TARGET)
    assert result.history_rows == len(DAYS)
    assert ROUTE not in {key.route for key in await kept([engines[SOURCE]])}
    assert ROUTE in {key.route for key in await kept([engines[TARGET]])}
    await all_is_kept(engines, shard_urls, BEFORE)
    assert await find_faults(shard_urls) == []


@pytest.mark.parametrize("when", ["while it is copied", "just before the switch"])
async def test_what_comes_meanwhile_moves_along(engines: list[AsyncEngine], shard_urls: list[str], when: str) -> None:
    def come() -> None:
        meanwhile(keep_elsewhere(shard_urls, MEANWHILE))

    def say(sentence: str) -> None:
        if sentence == "copied 4 rows of the price history" and when == "while it is copied":
            come()

    failpoints = Pausing("shards.copied", come) if when == "just before the switch" else Failpoints(None)
    await move_bucket(shard_urls, BUCKET, TARGET, say, failpoints)
    await all_is_kept(engines, shard_urls, BEFORE, MEANWHILE)


@pytest.mark.parametrize("failpoint", FAILPOINTS)
async def test_a_move_cut_short_anywhere_is_named_by_the_check_and_finished_by_the_same_command(
    engines: list[AsyncEngine], shard_urls: list[str], failpoint: str
) -> None:
    with pytest.raises(CrashError):
        await move(shard_urls, BUCKET, TARGET, Crashing(failpoint))
    faults = await find_faults(shard_urls)
    assert any(f"`./farelark shards move {BUCKET} " in fault for fault in faults)
    if failpoint == "shards.copied":  # its old shard still holds the bucket, and goes on
        await keep_elsewhere(shard_urls, MEANWHILE)

    await move(shard_urls, BUCKET, TARGET)

    if failpoint != "shards.copied":
        await keep_elsewhere(shard_urls, MEANWHILE)
    await all_is_kept(engines, shard_urls, BEFORE, MEANWHILE)
    assert await find_faults(shard_urls) == []


async def test_a_copy_cut_short_is_deleted_when_the_bucket_is_to_stay(
    engines: list[AsyncEngine], shard_urls: list[str]
) -> None:
    with pytest.raises(CrashError):
        await move(shard_urls, BUCKET, TARGET, Crashing("shards.copied"))
    (fault,) = await find_faults(shard_urls)
    assert fault.endswith(f"`./farelark shards move {BUCKET} {SOURCE}` deletes it")
    assert (await move(shard_urls, BUCKET, SOURCE)).history_rows == len(DAYS)
    await all_is_kept(engines, shard_urls, BEFORE)


async def test_a_round_that_is_cut_short_is_made_up_for_by_the_next(
    engines: list[AsyncEngine], shard_urls: list[str]
) -> None:
    def fail(_: int) -> NoReturn:
        raise CrashError

    async with connected(shard_urls) as shards:
        copy = history.HistoryCopy(BUCKET, shards[SOURCE], shards[TARGET])
        await copy.catch_up(lambda _: None)
        await keep_elsewhere(shard_urls, MEANWHILE)
        with pytest.raises(CrashError):
            await copy.catch_up(fail)
        assert await copy.catch_up(lambda _: None) >= len(MEANWHILE)
    original, copied = [await kept([engines[shard]]) for shard in (SOURCE, TARGET)]
    expected = {key: row for key, row in original.items() if key.route == ROUTE}
    assert {key: row for key, row in copied.items() if key.route == ROUTE} == expected


async def test_a_shard_that_never_had_a_month_gets_it_with_the_history(
    engines: list[AsyncEngine], shard_urls: list[str]
) -> None:
    await run(shard_urls[TARGET], f"DROP TABLE price_history_{DAY:%Y%m}")
    await move(shard_urls, BUCKET, TARGET)
    await all_is_kept(engines, shard_urls, BEFORE)


async def test_all_that_comes_during_moves_to_and_fro_is_counted_exactly_once(
    engines: list[AsyncEngine], shard_urls: list[str]
) -> None:
    """Messages come again until they are done, and once more after that."""
    messages: list[list[Document]] = []
    moving_on = True

    async def work(number: int) -> None:
        worker = HistoryWorker(engines)
        while moving_on:
            price = 1_000 * number + len(messages)
            message = [change(price, departure_date=day, flight_number=str(number)) for day in DAYS]
            messages.append(message)
            while await worker.keep(message) != [Done()]:
                await worker.shards.refresh()
            await worker.keep(message)

    async def move_to_and_fro() -> None:
        nonlocal moving_on
        try:
            for target in (TARGET, (SOURCE + 2) % 4, SOURCE):
                await move(shard_urls, BUCKET, target)
        finally:
            moving_on = False

    await asyncio.gather(move_to_and_fro(), work(1), work(2))
    assert await kept(engines) == history_of([*BEFORE, *(each for message in messages for each in message)])
    assert len(messages) > 2
    assert await find_faults(shard_urls) == []
