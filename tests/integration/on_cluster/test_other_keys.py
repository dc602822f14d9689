"""What else the services keep in Redis does on a cluster what it does on one server: rates, pacing, rate limits."""

import asyncio
import itertools
from contextlib import AsyncExitStack

import pytest
import structlog
from limits import RateLimitItemPerMinute
from litestar.exceptions import TooManyRequestsException

from services.alerts_api.http import rate_limits
from services.alerts_api.http.rate_limits import RateLimits
from services.notifier.fcm.schedule import KEY as SCHEDULE_KEY
from services.notifier.fcm.schedule import PushSchedule
from shared.cycles import CycleBook, Stage
from shared.errors import UnavailableError
from shared.rates.in_redis import KEY as RATES_KEY
from shared.rates.in_redis import MalformedRatesError, RatesInRedis
from tests.development_rates import RATES
from tests.integration.on_cluster.redis_cluster import ClusterInTest, SlotMove

FULL, RAMP_S = 9_000, 6
FOOT = 900
START = 1_800_000_000_000_000
FEW = RateLimitItemPerMinute(5, namespace="test")


async def test_rates_are_read_as_they_were_written_and_anything_else_is_malformed(cluster: ClusterInTest) -> None:
    store = RatesInRedis(cluster.url)
    assert await store.read() is None
    await store.write(RATES)
    assert await store.read() == RATES
    cluster.master_of(RATES_KEY).client.set(RATES_KEY, b"junk")
    with pytest.raises(MalformedRatesError):
        await store.read()
    await store.close()


async def test_cycles_are_counted_in_whatever_slots_they_are(cluster: ClusterInTest) -> None:
    book = CycleBook(cluster.url)
    for number in range(8):
        await book.add(f"cycle-{number}", {Stage.COMPARED: number + 1})
    await book.add("cycle-7", {Stage.COMPARED: 1, Stage.CHANGED: 2})
    cycle = await book.newest()
    await book.close()
    assert cycle
    assert (cycle.id, cycle.counts) == ("cycle-7", {Stage.COMPARED: 9, Stage.CHANGED: 2})


async def test_rates_are_found_at_every_step_of_their_slot_to_another_master(cluster: ClusterInTest) -> None:
    store, move = RatesInRedis(cluster.url), SlotMove(cluster, RATES_KEY)
    await store.write(RATES)
    for step in (move.begin, lambda: move.carry(1), move.end):
        step()
        assert await store.read() == RATES
        await store.write(RATES)
    assert cluster.keys() == {RATES_KEY: move.target}
    await store.close()


async def test_notifiers_share_one_schedule_also_while_its_slot_moves(cluster: ClusterInTest) -> None:
    one, other = (PushSchedule(cluster.url, FULL, RAMP_S) for _ in range(2))
    move, slices = SlotMove(cluster, SCHEDULE_KEY), []
    for step in (lambda: None, move.begin, lambda: move.carry(1), move.end):
        step()
        slices += [await schedule.book(9, START) for schedule in (one, other)]
    ends = [booked.begins_at + booked.permits / booked.rate * 1_000_000 for booked in slices]
    assert [booked.begins_at for booked in slices] == pytest.approx([START, *ends[:-1]], rel=0, abs=2)
    assert await one.slow_down(START)
    assert not await other.slow_down(START)
    await one.close()
    await other.close()


async def test_of_many_bookings_at_once_no_two_are_the_same(cluster: ClusterInTest) -> None:
    schedule = PushSchedule(cluster.url, FULL, RAMP_S)
    slices = await asyncio.gather(*(schedule.book(1, START) for _ in range(100)))
    assert len({booked.begins_at for booked in slices}) == 100
    await schedule.close()


async def test_processes_let_no_more_requests_through_together_than_a_limit(
    cluster: ClusterInTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On a busy machine a process that loses patience counts alone, as it should.
    monkeypatch.setattr(rate_limits, "_PATIENCE_S", 10.0)
    users = [f"user{number}" for number in range(30)]
    async with AsyncExitStack() as closing:
        processes = [RateLimits(cluster.url) for _ in range(3)]
        for process in processes:
            closing.push_async_callback(process.close)
            await process.count(FEW, "first of all")  # finds the cluster, which takes its time

        async def passed(process: RateLimits, user: str) -> bool:
            try:
                await process.count(FEW, user)
            except TooManyRequestsException:
                return False
            return True

        with structlog.testing.capture_logs() as logs:
            for user in users:
                outcomes = await asyncio.gather(*(passed(process, user) for process in processes for _ in range(4)))
                assert sum(outcomes) == FEW.amount
    assert logs == []
    assert len(set(cluster.keys().values())) == len(cluster.masters)


async def test_a_slot_on_its_way_to_a_node_that_is_unknown_refuses_nobody(cluster: ClusterInTest) -> None:
    # Seconds fly: whatever was slow before, the next request asks Redis again.
    counts, who = RateLimits(cluster.url, clock=itertools.count(step=60).__next__), "ann"
    move = SlotMove(cluster, f"limits:{FEW.key_for(who)}")
    await counts.count(FEW, "first of all")
    await forget(counts, move)
    move.begin()
    with structlog.testing.capture_logs() as logs:
        await counts.count(FEW, who)
    await counts.close()
    move.end()
    assert [log["event"] for log in logs] == ["rate_limits_count_alone"]


async def forget(counts: RateLimits, move: SlotMove) -> None:
    """Let the client know as little of the move's target as if that had just joined."""
    nodes = counts._client.nodes_manager.nodes_cache  # type: ignore[attr-defined]  # it is a cluster's
    await nodes.pop(f"127.0.0.1:{move.target.server.port}").disconnect()


@pytest.mark.parametrize("address", ["redis+cluster://:hunter2@127.0.0.1:1/"])
async def test_without_a_node_each_says_so_and_none_tells_the_password(address: str) -> None:
    rates, schedule = RatesInRedis(address), PushSchedule(address, FULL, RAMP_S)
    async with asyncio.timeout(5):
        for call in (rates.read(), rates.write(RATES), schedule.book(1), schedule.slow_down()):
            with pytest.raises(UnavailableError, match="redis is unavailable") as refused:
                await call
            assert "hunter2" not in str(refused.value)
    await rates.close()
    await schedule.close()


async def test_without_a_node_requests_are_counted_by_each_process() -> None:
    counts = RateLimits("redis+cluster://:hunter2@127.0.0.1:1/")
    with structlog.testing.capture_logs() as logs:
        for _ in range(FEW.amount):
            await counts.count(FEW, "ann")
        with pytest.raises(TooManyRequestsException):
            await counts.count(FEW, "ann")
    assert "hunter2" not in str(logs)
    await counts.close()
