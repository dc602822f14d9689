"""A bucket moves whole, whatever is written meanwhile and wherever the move is cut short."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from fleet.migrations import migrate
from fleet.shards import copying, moving, switching
from fleet.shards.checking import find_faults
from fleet.shards.moving import Moved, move_bucket
from fleet.shards.states import MoveCutShortError
from fleet.shards.switching import MoveRefusedError
from fleet.shards.turn import TurnTakenError, turn
from shared.databases import open_engine
from shared.errors import ConfigurationError, UnavailableError
from shared.failpoints import Failpoints
from shared.shard_map import ShardMap
from shared.shards import MapMovedError, Shards
from tests.development_rates import RATES
from tests.integration.crashing import CrashError, Crashing
from tests.integration.fresh_databases import create_databases
from tests.integration.shard_contents import (
    Contents,
    add_alerts,
    contents,
    fill,
    map_of,
    meanwhile,
    of_bucket,
    routes_of,
    run,
)
from tests.private_servers import Servers

# By the first map of four shards the bucket is on shard 2, and so is its neighbour.
BUCKET, NEIGHBOUR, ELSEWHERE = 742, 743, 3
SOURCE, TARGET, BYSTANDER = 2, 0, 3
FAILPOINTS = ("shards.copied", "shards.switched_source", "shards.switched_target", "shards.switched_all")


@pytest.fixture
async def urls(shard_urls: list[str], shard_engines: list[AsyncEngine]) -> list[str]:
    """The run's shards under the first map, with alerts of three buckets."""
    assert shard_engines
    await fill(shard_urls, [BUCKET, NEIGHBOUR, ELSEWHERE])
    return shard_urls


def silent(_: str) -> None:
    """Say nothing."""


async def move(
    urls: Sequence[str], bucket: int = BUCKET, target: int = TARGET, failpoints: Failpoints | None = None
) -> Moved:
    return await move_bucket(urls, bucket, target, silent, failpoints or Failpoints(None))


async def everything(urls: Sequence[str]) -> list[Contents]:
    return [await contents(url) for url in urls]


class Pausing(Failpoints):
    """Does something when a failpoint is passed."""

    def __init__(self, at: str, then: Callable[[], None]) -> None:
        super().__init__(None)
        self._at = at
        self._then = then

    def hit(self, name: str) -> None:
        if name == self._at:
            self._then()


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


async def test_open_transactions_make_the_move_give_up_with_nothing_changed(
    urls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(switching, "LOCK_TIMEOUT", "20ms")
    monkeypatch.setattr(moving, "SWITCH_PAUSE_S", 0)
    before = await everything(urls)
    shards = Shards.at(urls, application="tests", pool_size=1)
    async with shards.transaction(SOURCE, []):
        with pytest.raises(MoveRefusedError, match="stayed open"):
            await move(urls)
    await shards.close()
    assert await everything(urls) == before
    assert await find_faults(urls) == []
    assert (await move(urls)).alerts == 20


async def arrive(url: str, bucket: int) -> None:
    content = f'{{"route": "{routes_of(bucket, 1)[0]}"}}'
    await run(
        url, "INSERT INTO arriving_alerts (move, id, source, content) VALUES ($1, $2, 1, $3)", uuid4(), uuid4(), content
    )


async def test_a_bucket_in_which_an_edit_is_just_arriving_is_not_moved(urls: list[str]) -> None:
    await arrive(urls[SOURCE], BUCKET)
    with pytest.raises(MoveRefusedError, match=f"1 alerts .* arriving in bucket {BUCKET} on shard2: try again"):
        await move(urls)
    assert (await move(urls, bucket=NEIGHBOUR)).alerts == 20


async def test_an_edit_that_arrives_while_the_copy_is_made_stops_the_move(urls: list[str]) -> None:
    before = await everything(urls)
    arriving = Pausing("shards.copied", lambda: meanwhile(arrive(urls[SOURCE], BUCKET)))
    with pytest.raises(MoveRefusedError, match="arriving"):
        await move(urls, failpoints=arriving)
    await run(urls[SOURCE], "DELETE FROM arriving_alerts")
    assert await everything(urls) == before
    assert await find_faults(urls) == []


@pytest.mark.parametrize(
    ("bucket", "target", "problem"),
    [
        (BUCKET, SOURCE, "shard2 holds bucket 742 already"),
        (BUCKET, 4, "there is no shard4: the shards are 0 to 3"),
        (BUCKET, -1, "there is no shard-1"),
    ],
)
async def test_a_move_to_nowhere_is_refused(urls: list[str], bucket: int, target: int, problem: str) -> None:
    with pytest.raises(MoveRefusedError, match=problem):
        await move(urls, bucket, target)


async def test_one_at_a_time_changes_the_map(urls: list[str]) -> None:
    async with turn(urls[0]):
        with pytest.raises(TurnTakenError, match="under way"):
            await move(urls)
    await move(urls)


async def test_a_move_needs_every_shard(urls: list[str]) -> None:
    with pytest.raises(UnavailableError, match="shard3"):
        await move([*urls[:3], "postgresql://nobody:x@127.0.0.1:1/none"])
    with pytest.raises(ConfigurationError, match="the map puts buckets on shard3, and SHARD_URLS names 3 shards"):
        await move(urls[:3])


async def test_shards_with_rates_of_different_days_are_not_mixed(urls: list[str]) -> None:
    await run(urls[1], "UPDATE shard_state SET rates_date = '2026-01-01'")
    with pytest.raises(MoveRefusedError, match=r"rates are of 2026-01-01 and .*rates load"):
        await move(urls)


async def test_a_target_that_cannot_hold_the_rows_as_they_are_gets_none(servers: Servers) -> None:
    """As when one of the two is not migrated."""
    accounts, *urls = await create_databases(servers.postgres, 3)
    await migrate(accounts, urls, silent, today=datetime.now(UTC).date(), rates=RATES)
    await fill(urls, [0])
    await run(urls[1], "ALTER TABLE alerts DROP COLUMN watched_fare CASCADE")
    before = await everything(urls)
    with pytest.raises(MoveRefusedError, match="see that both are migrated"):
        await move(urls, bucket=0, target=1)
    assert await everything(urls) == before
    assert await find_faults(urls) == []


async def test_the_source_frees_itself_from_a_mover_that_has_fallen_silent(
    urls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(switching, "SILENCE", "50ms")

    async def never_answer(*_: object) -> None:
        engine = open_engine(urls[SOURCE], application="tests", pool_size=1)
        async with engine.begin() as connection:
            await connection.exec_driver_sql("SELECT * FROM shard_state")
        await engine.dispose()

    monkeypatch.setattr(moving, "refuse_arriving", never_answer)
    with pytest.raises(UnavailableError, match=f"shard{SOURCE}"):
        await move(urls)
    monkeypatch.undo()
    assert (await move(urls)).alerts == 20
