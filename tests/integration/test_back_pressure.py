"""A full queue slows down whoever fills it: nothing fails, nothing is lost, and it goes on by itself."""

import asyncio
from collections.abc import AsyncIterator

import pyarrow as pa
import pytest
from redis.asyncio import Redis

from fleet.publishing import FarePublisher
from shared.broker import publisher
from shared.broker.broker import Broker
from shared.broker.outgoing import Outgoing
from shared.broker.publisher import HeldUpError
from shared.cycles import Tally
from shared.management import Depth, open_management
from shared.messages.batches import decode
from shared.messages.changes import CHANGES as CHANGES_SCHEMA
from shared.topology import CHANGES_ALERTS, FARES, FARES_INGEST
from tests.counted import counted
from tests.integration.conftest import Probe
from tests.integration.full_queues import JUNK, fill, small
from tests.integration.inbox import Inbox, consuming
from tests.integration.running_price_worker import fares, price_worker
from tests.private_servers import Servers


@pytest.fixture(autouse=True)
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A publish gives up soon, and the work behind it comes again."""
    monkeypatch.setattr(publisher, "PATIENCE_S", 0.3)


@pytest.fixture
async def full_changes(topology: Servers, broker: Broker) -> AsyncIterator[int]:
    """The price worker's changes find no room for so much junk."""
    async with small(topology, CHANGES_ALERTS.name, 2):
        yield await fill(broker, CHANGES_ALERTS.name)


def refused(exchange: str) -> float:
    return counted("farelark_publishes_total", exchange=exchange, outcome="refused")


async def has(servers: Servers, queue: str, depth: Depth) -> None:
    """Wait until a queue has so many messages ready and in hand."""
    async with open_management(servers.rabbitmq.management_url) as management, asyncio.timeout(20):
        while (await management.depths())[queue] != depth:  # noqa: ASYNC110  # the broker tells nobody
            await asyncio.sleep(0.05)


async def test_a_publish_waits_for_room_and_goes_on_when_there_is_some(
    topology: Servers, broker: Broker, probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = fares(1)
    async with small(topology, FARES_INGEST.name, 2):
        junk = await fill(broker, FARES_INGEST.name)
        before = refused(FARES.name)
        monkeypatch.setattr(publisher, "PATIENCE_S", 20.0)
        publishing = asyncio.create_task(broker.publish(message))
        async with asyncio.timeout(15):
            while refused(FARES.name) < before + 3:  # noqa: ASYNC110  # it tries again and again
                await asyncio.sleep(0.02)
        assert {(await probe.next(FARES_INGEST.name)).body for _ in range(junk)} == {JUNK}
        await publishing
        assert (await probe.next(FARES_INGEST.name)).body == message.body


async def test_a_publish_gives_up_once_its_patience_is_over_and_says_what_is_full(
    topology: Servers, broker: Broker, probe: Probe
) -> None:
    async with small(topology, FARES_INGEST.name, 1):
        junk = await fill(broker, FARES_INGEST.name)
        with pytest.raises(HeldUpError, match="a queue of the exchange 'fares' is full"):
            await broker.publish(fares(1))
        assert [message.body for message in await probe.all(FARES_INGEST.name)] == [JUNK] * junk


async def test_a_price_worker_whose_changes_find_no_room_keeps_its_fares_and_goes_on_when_they_do(
    topology: Servers, broker: Broker, probe: Probe, redis: Redis, full_changes: int
) -> None:
    """Nothing is acknowledged and no board is written; then each fare is one change, however often it was tried."""
    async with price_worker(topology) as worker:
        before = refused("changes")
        await broker.publish_all([fares(flight) for flight in range(1, 4)])
        await worker.misses("rabbitmq")
        await has(topology, FARES_INGEST.name, Depth(ready=0, in_hand=3))
        assert refused("changes") > before
        assert await redis.keys("fares:*") == []

        assert {(await probe.next(CHANGES_ALERTS.name)).body for _ in range(full_changes)} == {JUNK}
        await has(topology, FARES_INGEST.name, Depth(ready=0, in_hand=0))
        assert worker.health.missing() == []
    changes = {message.message_id: message.body for message in await probe.all(CHANGES_ALERTS.name)}
    flights = [row["flight_number"] for body in changes.values() for row in rows(body)]
    assert sorted(flights) == ["1", "2", "3"]


def rows(body: bytes) -> list[dict[str, str]]:
    table: pa.RecordBatch = decode(CHANGES_SCHEMA, body, "application/vnd.apache.arrow.stream").rows
    return table.to_pylist()


async def test_a_price_worker_that_is_stopped_while_its_changes_find_no_room_hands_its_fares_back(
    topology: Servers, broker: Broker, redis: Redis, full_changes: int
) -> None:
    assert redis
    assert full_changes > 0
    await broker.publish(fares(1))
    async with price_worker(topology) as worker:
        await worker.misses("rabbitmq")
    await has(topology, FARES_INGEST.name, Depth(ready=1, in_hand=0))


async def test_what_is_dead_stays_in_hand_while_the_dead_letters_are_full(
    topology: Servers, broker: Broker, probe: Probe
) -> None:
    """None of them is dropped: the work behind it waits until somebody has made room."""
    inbox = Inbox()
    async with small(topology, FARES_INGEST.dead, 1), consuming(broker, inbox):
        junk = await fill(broker, FARES_INGEST.dead)
        await broker.publish(Outgoing(FARES_INGEST.name, b"dead", "text/plain"))
        for _ in range(2):
            assert (await inbox.next()).body == b"dead"
        await has(topology, FARES_INGEST.name, Depth(ready=0, in_hand=1))
        assert [(await probe.next(FARES_INGEST.dead)).body for _ in range(junk)] == [JUNK] * junk
        assert (await probe.next(FARES_INGEST.dead)).body == b"dead"
        await has(topology, FARES_INGEST.name, Depth(ready=0, in_hand=0))


async def test_a_publisher_of_fares_waits_as_long_as_it_takes_and_says_so_once(
    topology: Servers, broker: Broker, probe: Probe
) -> None:
    said: list[str] = []
    publishing = FarePublisher(broker, Tally(), said.append)
    bodies = [b"%d" % number for number in range(20)]

    async def publish() -> None:
        for body in bodies:
            await publishing.send(body, 1, "c1")
        await publishing.flush()

    async with small(topology, FARES_INGEST.name, 1):
        junk = await fill(broker, FARES_INGEST.name)
        published = asyncio.create_task(publish())
        async with asyncio.timeout(15):
            while not said:  # noqa: ASYNC110  # it says so by and by
                await asyncio.sleep(0.02)
        assert said == ["publishing waits: rabbitmq is unavailable: a queue of the exchange 'fares' is full"]
        assert publishing.confirmed == 0
        taken = [(await probe.next(FARES_INGEST.name)).body for _ in range(junk + len(bodies))]
        await published
    assert sorted(taken) == sorted([*bodies, *[JUNK] * junk])
    assert publishing.confirmed == len(bodies)
    assert said[-1] == "publishing goes on"


async def test_of_very_many_messages_no_more_are_tried_than_may_be_in_flight_once_none_gets_through(
    topology: Servers, broker: Broker
) -> None:
    """So the time that it takes to give up does not grow with their number."""
    async with small(topology, FARES_INGEST.name, 1):
        await fill(broker, FARES_INGEST.name)
        async with asyncio.timeout(20):
            with pytest.raises(HeldUpError):
                await broker.publish_all(fares(flight) for flight in range(1, 9_000))
