"""A move that cannot be made as things are is refused or given up: the reason is named, and nothing has changed."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from fleet.migrations import migrate
from fleet.shards import bringing, switching
from fleet.shards.checking import find_faults
from fleet.shards.switching import MoveRefusedError
from fleet.shards.turn import TurnTakenError, turn
from shared.databases import open_engine
from shared.errors import ConfigurationError, UnavailableError
from shared.shards import Shards
from tests.development_rates import RATES
from tests.integration.bucket_moves import BUCKET, ELSEWHERE, NEIGHBOUR, SOURCE, Pausing, everything, move, silent
from tests.integration.fresh_databases import create_databases
from tests.integration.shard_contents import fill, meanwhile, routes_of, run
from tests.private_servers import Servers


@pytest.fixture
async def urls(shard_urls: list[str], shard_engines: list[AsyncEngine]) -> list[str]:
    """The run's shards under the first map, with alerts of three buckets."""
    assert shard_engines
    await fill(shard_urls, [BUCKET, NEIGHBOUR, ELSEWHERE])
    return shard_urls


async def test_open_transactions_make_the_move_give_up_with_nothing_changed(
    urls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(switching, "LOCK_TIMEOUT", "20ms")
    monkeypatch.setattr(bringing, "SWITCH_PAUSE_S", 0)
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

    monkeypatch.setattr(bringing, "refuse_arriving", never_answer)
    with pytest.raises(UnavailableError, match=f"shard{SOURCE}"):
        await move(urls)
    monkeypatch.undo()
    assert (await move(urls)).alerts == 20
