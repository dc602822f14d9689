"""The gateway is killed, and its broker: what it answered for is on the boards, and none of it changed twice."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path

import aio_pika
import pytest

from fleet.workers import only
from shared.fare_boards.layout import prices, redis_key
from shared.fare_boards.store import BoardStore
from shared.messages.batches import decode
from shared.messages.changes import CHANGES
from shared.topology import CHANGES_ALERTS
from tests.e2e.pushing import PushedFares, Pushing
from tests.e2e.running_fleet import RunningFleet, running_fleet
from tests.integration.killable_broker import KillableBroker, killable_broker

pytestmark = pytest.mark.timeout(600)

FARES = int(os.environ.get("FARELARK_GATEWAY_FARES", "8000"))
QUARTER = FARES // 4


@pytest.fixture
async def broker(server_programs: bool, tmp_path: Path) -> AsyncIterator[KillableBroker]:
    assert server_programs
    async with killable_broker(tmp_path / "broker") as broker:
        yield broker


@pytest.fixture
def fleet(broker: KillableBroker, tmp_path: Path) -> Iterator[RunningFleet]:
    """A gateway and a price worker whose broker is the test's."""
    at = broker.server
    settings = {"RABBITMQ_URL": at.amqp_url, "RABBITMQ_MANAGEMENT_URL": at.management_url}
    with running_fleet(tmp_path / "fleet", only("ingest_gateway", "price_worker"), settings) as fleet:
        yield fleet


async def test_fares_that_were_answered_are_on_their_boards_and_none_is_twice_a_change(
    fleet: RunningFleet, broker: KillableBroker
) -> None:
    """Producers push on while the broker is killed, then the gateway, then the broker once more."""
    fares, numbers = PushedFares(), range(4 * QUARTER)
    pushing = Pushing(fleet.addresses.gateway, key_of(fleet))

    async def kill_the_broker() -> None:
        spooled = pushing.spooled
        broker.kill()
        await until(lambda: pushing.spooled > spooled)
        await broker.start()

    async def kill_the_gateway() -> None:
        os.kill(fleet.process_of("ingest_gateway").pid, signal.SIGKILL)

    async with asyncio.TaskGroup() as producers:
        producers.create_task(pushing.push(fares.pushes(numbers[:QUARTER])))
        for begun, kill in enumerate([kill_the_broker, kill_the_gateway, kill_the_broker], start=1):
            await until(partial(pushing.has_answered, begun * QUARTER - QUARTER // 2))
            producers.create_task(pushing.push(fares.pushes(numbers[begun * QUARTER : (begun + 1) * QUARTER])))
            await kill()

    assert pushing.answered == len(numbers)
    assert pushing.tried_again, "the gateway was killed with requests in hand"
    expected = Counter({(fares.board(number), 10_000 + number): 1 for number in numbers})
    async with asyncio.timeout(120):
        while (found := await on_boards(fleet, {board for board, _ in expected})) != expected:
            assert found <= expected
            await asyncio.sleep(0.1)
    assert await asyncio.to_thread(fleet.on_accounts, "SELECT id FROM spooled_batches") == []
    assert await changes(broker) == {price: [None] for _, price in expected}


def key_of(fleet: RunningFleet) -> str:
    made = fleet.run("keys", "producers", "make", "kills", "--source", "kills", "--lane", "live", "--lane", "sweep")
    return str(made["key"])


async def until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(120):
        while not what():  # noqa: ASYNC110  # producers tell nobody
            await asyncio.sleep(0.01)


async def on_boards(fleet: RunningFleet, boards: set[int]) -> Counter[tuple[int, int]]:
    """The prices on these boards."""
    store = BoardStore(fleet.addresses.redis)
    read = await store.read([redis_key(board) for board in boards])
    await store.close()
    ends = zip(boards, read.offsets[:-1].tolist(), read.offsets[1:].tolist(), strict=True)
    return Counter((board, price) for board, begin, end in ends for price in prices(read.rows[begin:end]).tolist())


async def changes(broker: KillableBroker) -> dict[int, list[int | None]]:
    """What each fare's price was before, by its price now, in each change; a message that came again has its id."""
    async with await aio_pika.connect(broker.server.amqp_url) as connection:
        queue = await (await connection.channel()).get_queue(CHANGES_ALERTS.name)
        messages = {}
        while message := await queue.get(no_ack=True, fail=False):
            messages[message.message_id] = message
    previous: dict[int, list[int | None]] = {}
    for message in messages.values():
        for row in decode(CHANGES, message.body, message.content_type).rows.to_pylist():
            previous.setdefault(row["price"], []).append(row["previous_price"])
    return previous
