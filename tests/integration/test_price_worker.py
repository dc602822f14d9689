"""The price worker's handler on a real Redis: races, crashes and servers that are away end in the same boards."""

import asyncio
import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

import pyarrow as pa
import pytest
from prometheus_client import REGISTRY
from redis.asyncio import Redis

from services.price_worker.handler import FaresHandler
from shared.broker.broker import Broker
from shared.conversion import ReferenceAmounts
from shared.deliveries import Context, Delivery, Done
from shared.errors import TransientError, UnavailableError, UnreadableError
from shared.failpoints import Failpoints
from shared.fakes import FakeAcknowledger, FakeBroker
from shared.fare_boards import layout
from shared.fare_boards.store import BoardStore, Write
from shared.messages.batches import ARROW, decode, encode
from shared.messages.changes import CHANGES
from shared.messages.fare_key import unpack_fare
from shared.messages.fares import FARES
from shared.money import Rates
from shared.settings import DEFAULT_RATES_FILE
from shared.topology import CHANGES_ALERTS
from tests.integration.conftest import Probe
from tests.integration.crashing import CrashError, Crashing
from tests.private_servers import Servers

NOW = datetime.now(UTC).replace(microsecond=0)  # boards expire by Redis' own clock
DEPARTURE = NOW.date() + timedelta(days=30)
LIFETIME = timedelta(days=14)
AMOUNTS = ReferenceAmounts(Rates.load(DEFAULT_RATES_FILE))

Prices = dict[tuple[str, str], tuple[int, int]]


def fare(price: int, *, flight: str = "117", minutes_ago: int = 60, day: date = DEPARTURE) -> dict[str, Any]:
    return {
        "origin": "JFK",
        "destination": "LHR",
        "departure_date": day,
        "carrier": "BA",
        "flight_number": flight,
        "cabin": "economy",
        "stops": 0,
        "currency": "EUR",
        "price": price,
        "observed_at": NOW - timedelta(minutes=minutes_ago),
        "source": "test",
    }


def batch(*fares: dict[str, Any]) -> Delivery:
    body = encode(FARES, pa.RecordBatch.from_pylist(fares, schema=FARES.schema))
    return Delivery(body, ARROW, Context(cycle="c1"), None, FakeAcknowledger())


def worker(broker: Broker, boards: BoardStore, failpoints: Failpoints | None = None) -> FaresHandler:
    return FaresHandler(broker, boards, lambda: AMOUNTS, LIFETIME, failpoints or Failpoints(None), lambda: NOW)


async def on_boards(redis: Redis) -> Prices:
    """Price and instant of every fare on every board, by board and flight number."""
    found = {}
    for key in await redis.keys("fares:*"):
        assert isinstance(key, bytes)
        value = await redis.get(key)
        assert isinstance(value, bytes)
        rows = layout.parse([value]).rows
        for row, price, seen in zip(rows, layout.prices(rows), layout.observations(rows), strict=True):
            flight = unpack_fare(int(row["fare"])).flight_number or ""
            found[key.decode(), flight] = (int(price), int(seen))
    return found


def changed(bodies: Sequence[bytes]) -> list[dict[str, Any]]:
    return [row for body in bodies for row in decode(CHANGES, body, ARROW).rows.to_pylist()]


def moves(broker: FakeBroker) -> list[tuple[int | None, int]]:
    """Previous and new price of every published change."""
    rows = changed([message.body for message in broker.published])
    return [(row["previous_price"], row["price"]) for row in rows]


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"farelark_{name}_total", labels) or 0


async def test_a_new_fare_and_a_new_price_are_changes_and_the_same_price_is_none(boards: BoardStore) -> None:
    broker = FakeBroker()
    handle = worker(broker, boards)
    for price, minutes_ago in ((20_000, 50), (20_000, 40), (15_000, 30), (18_000, 20)):
        assert await handle([batch(fare(price, minutes_ago=minutes_ago))]) == [Done()]
    assert moves(broker) == [(None, 20_000), (20_000, 15_000), (15_000, 18_000)]
    assert {message.exchange for message in broker.published} == {"changes"}
    assert {tuple((message.headers or {}).items()) for message in broker.published} == {(("cycle", "c1"),)}


async def test_an_older_sighting_changes_nothing(boards: BoardStore, redis: Redis) -> None:
    broker = FakeBroker()
    handle = worker(broker, boards)
    await handle([batch(fare(20_000, minutes_ago=10))])
    before = await on_boards(redis)
    await handle([batch(fare(15_000, minutes_ago=20))])
    assert await on_boards(redis) == before
    assert moves(broker) == [(None, 20_000)]


async def test_a_fare_that_no_source_confirmed_for_its_lifetime_is_new_when_it_is_seen_again(
    boards: BoardStore, redis: Redis
) -> None:
    broker = FakeBroker()
    await worker(broker, boards)([batch(fare(20_000, minutes_ago=60))])
    later = NOW + LIFETIME
    handle = FaresHandler(broker, boards, lambda: AMOUNTS, LIFETIME, Failpoints(None), lambda: later)
    for _ in range(2):
        await handle([batch(fare(20_000) | {"observed_at": later})])
    assert moves(broker) == [(None, 20_000), (None, 20_000)]
    assert list((await on_boards(redis)).values()) == [(20_000, round(later.timestamp() * 1000))]


async def test_a_row_that_ages_while_a_message_is_handled_still_beats_an_older_sighting(boards: BoardStore) -> None:
    """However late the boards are read, they are judged at the instant at which the message was."""
    broker = FakeBroker()
    nearly_stale = LIFETIME // timedelta(minutes=1) - 5
    await worker(broker, boards)([batch(fare(20_000, minutes_ago=nearly_stale))])
    minutes = count(step=10)
    handle = FaresHandler(
        broker, boards, lambda: AMOUNTS, LIFETIME, Failpoints(None), lambda: NOW + timedelta(minutes=next(minutes))
    )
    await handle([batch(fare(15_000, minutes_ago=nearly_stale + 4))])
    assert moves(broker) == [(None, 20_000)]


class BeatenOnce(BoardStore):
    """Another worker sees the flight 999 on the same board just before the first write."""

    async def write(self, writes: Sequence[Write]) -> list[int]:
        self.write = super().write  # type: ignore[method-assign]  # only once
        await worker(FakeBroker(), self)([batch(fare(70_000, flight="999"))])
        return await super().write(writes)


async def test_a_board_that_is_merged_again_publishes_no_change_twice(
    servers: Servers, boards: BoardStore, redis: Redis
) -> None:
    await worker(FakeBroker(), boards)([batch(fare(20_000, minutes_ago=90))])
    broker, beaten = FakeBroker(), BeatenOnce(servers.redis.url)
    assert await worker(broker, beaten)([batch(fare(15_000), fare(30_000, flight="118"))]) == [Done()]
    await beaten.close()
    assert sorted(moves(broker), key=str) == [(20_000, 15_000), (None, 30_000)]
    assert sorted(price for price, _ in (await on_boards(redis)).values()) == [15_000, 30_000, 70_000]


def random_batches(seed: int) -> list[list[dict[str, Any]]]:
    """Many sightings of few fares on few boards, in any order of time, often at the same instant."""
    choose = random.Random(seed)  # noqa: S311  # a repeatable test
    return [
        [
            fare(
                choose.randrange(10_000, 10_010),
                flight=choose.choice(["1", "2", "3"]),
                minutes_ago=choose.randrange(1, 30),
                day=DEPARTURE + timedelta(days=choose.randrange(3)),
            )
            for _ in range(6)
        ]
        for _ in range(24)
    ]


@pytest.mark.parametrize("seed", range(3))
async def test_workers_that_race_on_the_same_boards_end_as_one_after_the_other(
    seed: int, broker: Broker, probe: Probe, boards: BoardStore, redis: Redis
) -> None:
    """Every final price has had its change published and confirmed."""
    batches = random_batches(seed)
    for fares in batches:
        await worker(FakeBroker(), boards)([batch(*fares)])
    one_by_one = await on_boards(redis)
    await redis.flushall()

    conflicts = counted("board_conflicts")
    racing = [worker(broker, boards)([batch(*fares) for fares in batches[start::4]]) for start in range(4)]
    await asyncio.gather(*racing)
    assert counted("board_conflicts") > conflicts, "the workers did not meet"
    assert await on_boards(redis) == one_by_one
    published = changed([message.body for message in await probe.all(CHANGES_ALERTS.name)])
    told = {(row["departure_date"], row["flight_number"], row["price"]) for row in published}
    assert {(date.fromisoformat(key[-10:]), flight, price) for (key, flight), (price, _) in one_by_one.items()} <= told


@pytest.mark.parametrize("point", ["received", "changes_confirmed", "boards_written"])
async def test_a_batch_that_is_repeated_after_a_crash_leads_to_the_same_boards(
    point: str, boards: BoardStore, redis: Redis
) -> None:
    broker = FakeBroker()
    await worker(broker, boards)([batch(fare(20_000, minutes_ago=50))])
    second = batch(fare(15_000, minutes_ago=40), fare(9_000, flight="9", minutes_ago=40))
    with pytest.raises(CrashError):
        await worker(broker, boards, Crashing(f"price_worker.{point}"))([second])
    assert await worker(broker, boards)([second]) == [Done()]
    assert {price for price, _ in (await on_boards(redis)).values()} == {15_000, 9_000}
    assert sorted(set(moves(broker)), key=str) == [(20_000, 15_000), (None, 20_000), (None, 9_000)]
    ids = {message.to_amqp().message_id for message in broker.published}
    assert len(ids) == 2, "a repeated change has the id that it had before"


async def test_no_board_is_written_before_its_changes_are_confirmed(boards: BoardStore, redis: Redis) -> None:
    broker = FakeBroker()
    broker.there = False
    with pytest.raises(UnavailableError, match="rabbitmq"):
        await worker(broker, boards)([batch(fare(20_000))])
    assert await on_boards(redis) == {}


async def test_invalid_documents_are_set_aside_and_counted_and_the_others_go_on(
    boards: BoardStore, redis: Redis
) -> None:
    def seen(reason: str) -> float:
        return counted("set_aside_documents", queue="fares.ingest", reason=reason)

    before = {reason: seen(reason) for reason in ("price_missing", "origin_unknown")}
    broker = FakeBroker()
    mixed = batch(fare(0), fare(20_000), fare(0, flight="2"), fare(1) | {"origin": "QQQ"})
    assert await worker(broker, boards)([mixed]) == [Done()]
    assert {reason: seen(reason) - count for reason, count in before.items()} == {
        "price_missing": 2,
        "origin_unknown": 1,
    }
    assert moves(broker) == [(None, 20_000)]
    assert len(await on_boards(redis)) == 1


async def test_a_batch_of_nothing_but_invalid_documents_is_done_without_a_word(boards: BoardStore) -> None:
    broker = FakeBroker()
    assert await worker(broker, boards)([batch(fare(0), fare(-1))]) == [Done()]
    assert broker.published == []


async def test_a_body_that_cannot_be_read_is_unreadable(boards: BoardStore) -> None:
    junk = Delivery(b"junk", ARROW, Context(), None, FakeAcknowledger())
    with pytest.raises(UnreadableError, match="arrow_malformed"):
        await worker(FakeBroker(), boards)([junk])


async def test_a_board_of_an_unknown_format_is_named_kept_and_tried_again_later(
    boards: BoardStore, redis: Redis
) -> None:
    """A newer version may be at work beside this one."""
    broker = FakeBroker()
    key = f"fares:JFK-LHR:{DEPARTURE}"
    await redis.set(key, b"\x02a newer board")
    with pytest.raises(TransientError, match=f"board_unreadable: {key}: a board of format 2 with 14 bytes"):
        await worker(broker, boards)([batch(fare(20_000))])
    assert await redis.get(key) == b"\x02a newer board"
    assert broker.published == []
