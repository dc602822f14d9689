"""What `shards check` finds, and what `shards list` counts."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from fleet.shards.checking import find_faults
from fleet.shards.listing import summarize
from fleet.shards.turn import TurnTakenError, turn
from shared.errors import UnavailableError
from shared.shard_map import bucket_of
from tests.development_rates import RATES
from tests.integration.shard_contents import add_alerts, fill, routes_of, run

# By the first map of four shards: on shard 2, and one on each of the others.
BUCKET = 742
BUCKETS = (3, 300, BUCKET, 1000)
(ROUTE,) = routes_of(BUCKET, 1)


@pytest.fixture
async def urls(shard_urls: list[str], shard_engines: list[AsyncEngine]) -> list[str]:
    """The run's shards under the first map, each with alerts of one bucket."""
    assert shard_engines
    await fill(shard_urls, BUCKETS)
    return shard_urls


async def test_shards_as_they_should_be_have_no_faults(urls: list[str]) -> None:
    assert await find_faults(urls) == []


async def test_alerts_on_a_shard_without_their_bucket_are_found(urls: list[str]) -> None:
    await add_alerts(urls[1], ROUTE, 3)
    (fault,) = await find_faults(urls)
    assert fault.startswith(f"shard1 has 3 alerts of {ROUTE}, whose bucket {BUCKET} is on shard2")


async def twice(urls: list[str]) -> UUID:
    """Put an alert on two shards, there with a route of its own and here with another."""
    (alert,) = await add_alerts(urls[0], routes_of(3, 1)[0])
    (other,) = await add_alerts(urls[3], routes_of(1000, 1)[0])
    await run(urls[3], "UPDATE alerts SET id = $1 WHERE id = $2", alert, other)
    return alert


async def test_an_alert_on_two_shards_is_found(urls: list[str]) -> None:
    alert = await twice(urls)
    (fault,) = await find_faults(urls)
    assert fault.startswith(f"1 alerts are on two shards, such as {alert}: delete")


async def test_ids_that_end_or_begin_in_zeros_are_told_apart(urls: list[str]) -> None:
    for url, bucket, last in ((urls[0], 3, 0), (urls[1], 300, 1), (urls[3], 1000, 1 << 120)):
        (alert,) = await add_alerts(url, routes_of(bucket, 1)[0])
        await run(url, "UPDATE alerts SET id = $1 WHERE id = $2", UUID(int=last), alert)
    assert await find_faults(urls) == []


async def test_shards_without_alerts_are_as_they_should_be(
    shard_urls: list[str], shard_engines: list[AsyncEngine]
) -> None:
    assert shard_engines
    assert await find_faults(shard_urls) == []


@pytest.mark.parametrize(("age", "faults"), [(timedelta(seconds=50), 0), (timedelta(seconds=70), 1)])
async def test_only_edits_that_have_been_arriving_for_over_a_minute_are_a_fault(
    urls: list[str], age: timedelta, faults: int
) -> None:
    await run(
        urls[1],
        "INSERT INTO arriving_alerts (move, id, source, content, arrived_at)"
        " VALUES ($1, $2, 0, jsonb_build_object('route', $3::text), now() - $4::interval)",
        uuid4(),
        uuid4(),
        ROUTE,
        age,
    )
    found = await find_faults(urls)
    assert len(found) == faults
    assert all("arriving on shard1 for over a minute: see that alert workers run" in fault for fault in found)


async def test_every_fault_is_told_at_once(urls: list[str]) -> None:
    await twice(urls)
    await add_alerts(urls[1], ROUTE)
    await run(urls[1], "INSERT INTO bucket_transit (id, bucket, content) VALUES ($1, 7, '{}')", uuid4())
    left, misplaced, double = await find_faults(urls)
    assert left.startswith("a move that was cut short has left 1 alerts of bucket 7 in transit on shard1")
    assert misplaced.startswith("shard1 has 1 alerts")
    assert double.startswith("1 alerts are on two shards")


async def test_a_check_does_not_look_at_shards_in_the_middle_of_a_move(urls: list[str]) -> None:
    async with turn(urls[0]):
        with pytest.raises(TurnTakenError):
            await find_faults(urls)


async def test_a_shard_that_is_away_is_named(urls: list[str]) -> None:
    with pytest.raises(UnavailableError, match="shard1"):
        await find_faults([urls[0], "postgresql://nobody:x@127.0.0.1:1/none", *urls[2:]])


async def test_the_list_counts_what_each_shard_holds(urls: list[str]) -> None:
    summaries = await summarize(urls)
    assert [summary.shard for summary in summaries] == [0, 1, 2, 3]
    assert {bucket_of(route) for route in routes_of(BUCKET, 2)} == {BUCKET}
    for summary in summaries:
        assert (summary.buckets, summary.alerts, summary.active) == (256, 20, 10)
        assert (summary.map_version, summary.rates_date) == (1, RATES.date)
        assert summary.bytes > 1_000_000
