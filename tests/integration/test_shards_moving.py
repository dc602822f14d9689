"""A bucket moves whole, whatever is written meanwhile and wherever the move is cut short."""

import asyncio

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from fleet.shards import copying
from fleet.shards.checking import find_faults
from fleet.shards.moving import move_bucket
from fleet.shards.states import MoveCutShortError
from shared.errors import MapMovedError
from shared.failpoints import Failpoints
from shared.shard_map import ShardMap
from shared.shards import Shards
from tests.integration.bucket_moves import (
    BUCKET,
    BYSTANDER,
    ELSEWHERE,
    NEIGHBOUR,
    SOURCE,
    TARGET,
    Pausing,
    everything,
    move,
)
from tests.integration.crashing import CrashError, Crashing
from tests.integration.shard_contents import Contents, add_alerts, fill, map_of, meanwhile, of_bucket, routes_of, run

FAILPOINTS = ("shards.copied", "shards.switched_source", "shards.switched_target", "shards.switched_all")


@pytest.fixture
async def urls(shard_urls: list[str], shard_engines: list[AsyncEngine]) -> list[str]:
    """The run's shards under the first map, with alerts of three buckets."""
    assert shard_engines
    await fill(shard_urls, [BUCKET, NEIGHBOUR, ELSEWHERE])
    return shard_urls


async def test_a_moved_bucket_lies_row_for_row_on_its_new_shard_and_nothing_else_has_changed(urls: list[str]) -> None:
    before = await everything(urls)
    moved = await of_bucket(urls[SOURCE], BUCKET)

    result = await move(urls)

    after = await everything(urls)
    assert len(moved) == 20
    assert after[TARGET] == before[TARGET] | moved
    assert after[SOURCE] == {alert: row for alert, row in before[SOURCE].items() if alert not in moved}
    assert after[1:2] + after[3:] == before[1:2] + before[3:]
    assert [await map_of(url) for url in urls] == [ShardMap.even(4).moved(BUCKET, TARGET)] * 4
    assert (result.bucket, result.source, result.target, result.alerts) == (BUCKET, SOURCE, TARGET, 20)
    assert await find_faults(urls) == []


async def test_a_bucket_moves_there_and_back(urls: list[str]) -> None:
    before = await everything(urls)
    await move(urls)
    await move(urls, target=SOURCE)
    assert await everything(urls) == before
    assert (await map_of(urls[BYSTANDER])).version == 3


async def test_an_empty_bucket_moves_too(urls: list[str]) -> None:
    result = await move(urls, bucket=1000, target=1)
    assert result.alerts == 0
    assert (await map_of(urls[0])).shards[1000] == 1


async def edit_all_ways(url: str) -> Contents:
    """Change, delete and add alerts of the bucket, take one out of it and bring one into it; returns what it holds."""
    changed, deleted, leaving, *_ = list(await of_bucket(url, BUCKET))
    entering, *_ = list(await of_bucket(url, NEIGHBOUR))
    known, _, new = routes_of(BUCKET, 3)
    await run(url, "UPDATE alerts SET armed_price = 1, fire_seq = fire_seq + 1 WHERE id = $1", changed)
    await run(url, "DELETE FROM alerts WHERE id = $1", deleted)
    await run(url, "UPDATE alerts SET route = $2 WHERE id = $1", leaving, routes_of(NEIGHBOUR, 1)[0])
    await run(url, "UPDATE alerts SET route = $2 WHERE id = $1", entering, known)
    await add_alerts(url, known, 2)
    await add_alerts(url, new, 2)
    return await of_bucket(url, BUCKET)


async def test_what_is_written_while_the_copy_is_made_is_moved_as_written(
    urls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "BATCH", 7)
    written: list[Contents] = []

    def write_once(sentence: str) -> None:
        if sentence == "copied 7 of 20 alerts":
            written.append(meanwhile(edit_all_ways(urls[SOURCE])))

    await move_bucket(urls, BUCKET, TARGET, write_once, Failpoints(None))

    assert [await of_bucket(urls[TARGET], BUCKET)] == written
    assert await find_faults(urls) == []


async def test_what_is_written_just_before_the_switch_is_moved_as_written(urls: list[str]) -> None:
    written: list[Contents] = []
    write = Pausing("shards.copied", lambda: written.append(meanwhile(edit_all_ways(urls[SOURCE]))))
    await move(urls, failpoints=write)
    assert [await of_bucket(urls[TARGET], BUCKET)] == written
    assert await find_faults(urls) == []


@pytest.mark.parametrize("failpoint", FAILPOINTS)
async def test_a_move_cut_short_anywhere_is_named_by_the_check_and_finished_by_the_same_command(
    urls: list[str], failpoint: str
) -> None:
    moved = await of_bucket(urls[SOURCE], BUCKET)
    before = await everything(urls)
    with pytest.raises(CrashError):
        await move(urls, failpoints=Crashing(failpoint))
    (fault,) = await find_faults(urls)
    assert f"`./farelark shards move {BUCKET} {TARGET}`" in fault

    assert (await move(urls)).bucket == BUCKET

    assert await of_bucket(urls[TARGET], BUCKET) == moved
    assert len(set().union(*await everything(urls))) == sum(map(len, before)) == sum(map(len, await everything(urls)))
    assert {(await map_of(url)).version for url in urls} == {2}
    assert await find_faults(urls) == []


@pytest.mark.parametrize("failpoint", FAILPOINTS[1:3])
async def test_while_one_move_is_cut_short_no_other_begins(urls: list[str], failpoint: str) -> None:
    with pytest.raises(CrashError):
        await move(urls, failpoints=Crashing(failpoint))
    before = await everything(urls)
    with pytest.raises(MoveCutShortError, match=rf"finish it first: `./farelark shards move {BUCKET} {TARGET}`"):
        await move(urls, bucket=NEIGHBOUR)
    with pytest.raises(MoveCutShortError, match="finish it first"):
        await move(urls, target=BYSTANDER)
    assert await everything(urls) == before


async def test_a_copy_cut_short_is_forgotten_when_the_bucket_is_to_stay(urls: list[str]) -> None:
    before = await everything(urls)
    with pytest.raises(CrashError):
        await move(urls, failpoints=Crashing("shards.copied"))
    await move(urls, target=SOURCE)
    assert await everything(urls) == before
    assert await find_faults(urls) == []


async def test_between_the_two_commits_both_shards_refuse_the_bucket(urls: list[str]) -> None:
    with pytest.raises(CrashError):
        await move(urls, failpoints=Crashing("shards.switched_source"))
    shards = Shards.at(urls, application="tests", pool_size=1)
    await shards.refresh()
    for number in (SOURCE, TARGET):
        with pytest.raises(MapMovedError):
            async with shards.transaction(number, [BUCKET]):
                pytest.fail("it must be refused")
    async with shards.transaction(SOURCE, [NEIGHBOUR]), shards.transaction(TARGET, [ELSEWHERE]):
        pass
    await shards.close()


async def test_every_claim_made_during_moves_to_and_fro_is_kept_exactly_once(urls: list[str]) -> None:
    """Writers go by the map as services do, and try again where they are refused."""
    alerts = list(await of_bucket(urls[SOURCE], BUCKET))
    shards = Shards.at(urls, application="tests", pool_size=4)
    moving_on = True
    made = refused = 0

    async def write(number: int) -> None:
        nonlocal made, refused
        while moving_on:
            shard = (await shards.current_map()).shards[BUCKET]
            try:
                async with shards.transaction(shard, [BUCKET]) as transaction:
                    done = await transaction.driver.execute(
                        "UPDATE alerts SET fire_seq = fire_seq + 1 WHERE id = $1", alerts[number]
                    )
                    assert done == "UPDATE 1", "the shard that holds the bucket has not the alert"
                made += 1
            except MapMovedError:
                refused += 1
                await shards.refresh()

    async def move_to_and_fro() -> None:
        nonlocal moving_on
        try:
            for target in (0, 1, 3, SOURCE):
                await move(urls, target=target)
        finally:
            moving_on = False

    await asyncio.gather(move_to_and_fro(), *(write(number) for number in range(4)))
    await shards.close()

    rows = await of_bucket(urls[SOURCE], BUCKET)
    assert set(rows) == set(alerts)
    assert sum(row["fire_seq"] for row in rows.values()) == made > 0
    assert refused > 0


async def test_alerts_that_rates_have_lifted_stay_within_the_reach_of_their_new_shard(urls: list[str]) -> None:
    await run(urls[SOURCE], "UPDATE shard_state SET reach = 1.25")
    await run(urls[BYSTANDER], "UPDATE shard_state SET reach = 1.5")
    for target, expected in ((TARGET, 1.25), (BYSTANDER, 1.5)):
        await move(urls, target=target)
        ((reach,),) = await run(urls[target], "SELECT reach FROM shard_state")
        assert reach == expected
