"""Of many gateways one polls a source, at its times, and says what came of it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from redis.asyncio import Redis

from services.ingest_gateway.sources import keeping, polling
from services.ingest_gateway.sources.last_cycles import LastCycle, LastCycles
from services.ingest_gateway.sources.lease import Lease
from services.ingest_gateway.sources.polling import Polling
from services.ingest_gateway.sources.settings import FolderSettings, SourceSettings
from shared.cycles import Cycle, CycleBook, Stage, Tally
from shared.sweeps import SweepCounts, SweepEnding
from tests.integration.source_stand_in import (
    NOW,
    QUOTA_S,
    PriceApi,
    StandIn,
    once_told,
    polled_at,
    prices,
    standing_in,
    status,
)
from tests.private_servers import Servers
from tests.unit.keeping_intake import KeepingIntake

ID = "prices-20261123T120000Z"
UNREACHABLE = "redis://127.0.0.1:1/0"
BRINGS_WITHIN = timedelta(minutes=66)  # a source that is polled every hour


class Gateway:
    """One of the gateway's processes, as far as it polls."""

    def __init__(self, stand_in: StandIn, redis_url: str) -> None:
        self.intake = KeepingIntake()
        self.tally = Tally()
        self.now = NOW
        self._stand_in = stand_in
        self._redis_url = redis_url

    @asynccontextmanager
    async def polling(self, *others: SourceSettings) -> AsyncIterator[None]:
        """Poll while the block runs, and stop in good order after it."""
        stopping = asyncio.Event()
        runs = Polling(
            [polled_at(self._stand_in.url), *others], self.intake, self._redis_url, self.tally, lambda: self.now
        )
        running = asyncio.create_task(runs.run(stopping))
        try:
            yield
        finally:
            stopping.set()
            await running


@pytest.fixture(autouse=True)
def one_api_and_little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "api_of", lambda _: PriceApi(["/one"]))
    monkeypatch.setattr(keeping, "RENEWED_EVERY_S", 0.02)


@pytest.fixture
async def stand_in() -> AsyncIterator[StandIn]:
    async with standing_in() as stand_in:
        yield stand_in


@pytest.fixture
async def gateways(servers: Servers, redis: Redis, stand_in: StandIn) -> list[Gateway]:
    assert redis  # emptied
    return [Gateway(stand_in, servers.redis.url) for _ in range(2)]


@pytest.fixture
async def book(servers: Servers) -> AsyncIterator[CycleBook]:
    book = CycleBook(servers.redis.url)
    yield book
    await book.close()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110  # nothing tells of it
            await asyncio.sleep(0.01)


async def closed(book: CycleBook) -> Cycle:
    """The newest cycle, once its source has closed it."""
    async with asyncio.timeout(20):
        while not ((cycle := await book.newest()) and cycle.swept):  # noqa: ASYNC110  # nothing tells of it
            await asyncio.sleep(0.01)
    return cycle


def shown(metric: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(metric, {"source": "prices", **labels})


async def test_a_cycle_is_opened_and_closed_with_counts(
    gateways: list[Gateway], stand_in: StandIn, book: CycleBook
) -> None:
    stand_in.on("/one", prices(1, 2, 0, -1))
    before = shown("farelark_source_cycles_total", outcome="complete") or 0
    gateways[0].tally.add(ID, Stage.PUBLISHED, 2)  # as the intake does
    async with gateways[0].polling():
        cycle = await closed(book)
    assert (cycle.id, cycle.counts) == (ID, {Stage.PUBLISHED: 2})
    assert cycle.swept
    assert cycle.swept.ending is SweepEnding.COMPLETE
    assert cycle.swept.counts == SweepCounts(requests=1, fares=2, set_aside=2)
    assert shown("farelark_source_cycles_total", outcome="complete") == before + 1
    assert shown("farelark_source_last_cycle_seconds") == NOW.timestamp()
    assert shown("farelark_source_due_seconds") == (NOW + BRINGS_WITHIN).timestamp()


async def test_a_cycle_is_open_before_its_first_answer(
    gateways: list[Gateway], stand_in: StandIn, book: CycleBook
) -> None:
    stand_in.on("/one", once_told(asyncio.Event(), prices(1)))
    async with gateways[0].polling():
        await stand_in.asked_for["/one"].wait()
        cycle = await book.newest()
    assert cycle
    assert (cycle.id, cycle.swept) == (ID, None)


async def test_of_two_gateways_one_polls_and_the_other_takes_over(
    gateways: list[Gateway], stand_in: StandIn, redis: Redis
) -> None:
    told = asyncio.Event()
    stand_in.on("/one", once_told(told, prices(1)), prices(2))
    second_refused = asyncio.Event()
    async with gateways[0].polling():
        await stand_in.asked_for["/one"].wait()
        holder = await redis.get("source:lease:prices")
        gateways[1].now = NOW + timedelta(minutes=6)  # a cycle that was cut short is due again
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Lease, "take", noting_refusals(Lease.take, second_refused))
            async with gateways[1].polling():
                await second_refused.wait()
                assert await redis.get("source:lease:prices") == holder
                assert stand_in.asked["/one"] == 1
        told.set()
        await until(lambda: bool(gateways[0].intake.fares))
    gateways[1].now = NOW + timedelta(hours=2)
    async with gateways[1].polling():
        await until(lambda: bool(gateways[1].intake.fares))
    assert [fare["price"] for fare in gateways[0].intake.fares] == [1]
    assert [fare["price"] for fare in gateways[1].intake.fares] == [2]


def noting_refusals(take: Callable[[Lease], object], refused: asyncio.Event) -> Callable[[Lease], object]:
    async def watched(lease: Lease) -> bool:
        ours = await take(lease)  # type: ignore[misc]  # it is the method
        if not ours:
            refused.set()
        return bool(ours)

    return watched


async def test_a_gateway_that_stops_hands_the_source_over_at_once(
    gateways: list[Gateway], stand_in: StandIn, book: CycleBook, redis: Redis
) -> None:
    stand_in.on("/one", once_told(asyncio.Event(), prices(1)))
    async with gateways[0].polling():
        await stand_in.asked_for["/one"].wait()
    cycle = await closed(book)
    assert cycle.swept
    assert cycle.swept.ending is SweepEnding.CUT_SHORT
    assert not await redis.exists("source:lease:prices")


async def test_a_gateway_that_lost_its_lease_ends_its_cycle(
    gateways: list[Gateway], stand_in: StandIn, book: CycleBook, redis: Redis
) -> None:
    stand_in.on("/one", once_told(asyncio.Event(), prices(1)))
    async with gateways[0].polling():
        await stand_in.asked_for["/one"].wait()
        await redis.set("source:lease:prices", "somebody else")
        cycle = await closed(book)
    assert cycle.swept
    assert cycle.swept.ending is SweepEnding.CUT_SHORT
    assert await redis.get("source:lease:prices") == b"somebody else"


async def test_a_source_that_was_polled_lately_waits_for_its_turn(
    gateways: list[Gateway], stand_in: StandIn, redis: Redis, tmp_path: Path
) -> None:
    stand_in.on("/one", prices(1))
    completed = NOW - timedelta(minutes=9)
    await LastCycles(redis).keep("prices", LastCycle(NOW - timedelta(minutes=10), SweepEnding.COMPLETE, completed))
    async with gateways[0].polling(drop(tmp_path)):
        await until((tmp_path / "done" / "fares.ndjson").exists)
    assert not stand_in.asked
    assert shown("farelark_source_last_cycle_seconds") == completed.timestamp()
    assert shown("farelark_source_due_seconds") == (completed + BRINGS_WITHIN).timestamp()
    assert shown("farelark_source_due_seconds", source="drops") == (NOW + timedelta(days=1)).timestamp()


async def test_a_source_that_never_came_to_an_end_is_due_from_when_it_was_taken_over(
    gateways: list[Gateway], stand_in: StandIn, redis: Redis
) -> None:
    stand_in.on("/one", once_told(asyncio.Event(), prices(1)))
    gateways[0].now = NOW + timedelta(days=3)
    await LastCycles(redis).keep("prices", LastCycle(NOW, SweepEnding.AWAY))
    async with gateways[0].polling():
        await stand_in.asked_for["/one"].wait()
    assert shown("farelark_source_due_seconds") == (gateways[0].now + BRINGS_WITHIN).timestamp()


def drop(folder: Path) -> FolderSettings:
    """A source beside the other one; it has a file to read."""
    (folder / "fares.ndjson").write_text("no fare\n")
    return FolderSettings.model_validate({"name": "drops", "kind": "files", "every": "1s", "folder": folder})


async def test_a_source_that_refuses_us_is_left_alone_until_somebody_looks(
    gateways: list[Gateway], stand_in: StandIn, redis: Redis, book: CycleBook
) -> None:
    stand_in.on("/one", status(403), prices(1))
    async with gateways[0].polling():
        await until(lambda: shown("farelark_source_stopped") == 1)
        cycle = await closed(book)
        gateways[0].now += timedelta(days=1)
        assert await redis.exists("source:lease:prices")
    assert cycle.swept
    assert cycle.swept.ending is SweepEnding.STOPPED
    assert stand_in.asked["/one"] == 1
    assert shown("farelark_source_stopped") == 0  # whoever let it go does not know any more
    async with gateways[1].polling():  # somebody has looked, and started it again
        await until(lambda: bool(gateways[1].intake.fares))


async def test_a_source_that_said_when_to_come_back_is_asked_again_then(
    gateways: list[Gateway], stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.integration.source_stand_in.QUOTA_S", 0)
    stand_in.on("/one", status(402), prices(1))
    async with gateways[0].polling():
        await until(lambda: bool(gateways[0].intake.fares))


async def test_a_pause_that_a_source_asked_for_outlives_whoever_it_asked(
    gateways: list[Gateway], stand_in: StandIn, book: CycleBook, tmp_path: Path
) -> None:
    stand_in.on("/one", status(402), prices(1))
    async with gateways[0].polling():
        await closed(book)
    gateways[1].now = NOW + timedelta(seconds=QUOTA_S / 2)
    async with gateways[1].polling(drop(tmp_path)):
        await until((tmp_path / "done" / "fares.ndjson").exists)
        await until(lambda: shown("farelark_source_stopped") == 1)
    assert stand_in.asked["/one"] == 1
    gateways[1].now = NOW + timedelta(seconds=QUOTA_S)
    async with gateways[1].polling():
        await until(lambda: bool(gateways[1].intake.fares))


async def test_a_source_may_ask_for_a_pause_longer_than_time(
    gateways: list[Gateway], stand_in: StandIn, book: CycleBook
) -> None:
    stand_in.on("/one", status(429, Retry_After="9" * 400))
    async with gateways[0].polling():
        cycle = await closed(book)
    assert cycle.swept
    assert cycle.swept.ending is SweepEnding.STOPPED


async def test_without_redis_nobody_polls(stand_in: StandIn) -> None:
    stand_in.on("/one", prices(1))
    gateway = Gateway(stand_in, UNREACHABLE)
    tried = asyncio.Event()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Lease, "take", noting_refusals(Lease.take, tried))
        async with gateway.polling():
            await tried.wait()
    assert not stand_in.asked


async def test_what_another_version_kept_is_no_obstacle(redis: Redis) -> None:
    await redis.set("source:last:prices", b'{"since": "whenever"}')
    assert await LastCycles(redis).of("prices") is None
    last = LastCycle(datetime.fromisoformat("2026-11-23T12:00:00Z"), SweepEnding.AWAY)
    await LastCycles(redis).keep("prices", last)
    assert await LastCycles(redis).of("prices") == last
