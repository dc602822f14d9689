"""Bad input under full load: every good fare arrives, every bad one is counted by reason, no worker dies of it."""

import asyncio
import gzip
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import aio_pika
import httpx
import pytest
from aiormq.abc import AbstractChannel
from pamqp.commands import Basic
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis

from fleet.chain import open_chain
from fleet.generator import Generator
from fleet.publishing import fare_publisher
from shared.fare_boards.layout import parse
from shared.messages.batches import ARROW, JSON, MAX_BYTES, MAX_ROWS, encode
from shared.messages.fares import FARES
from shared.messages.notifications import MAX_BODY_BYTES, MAX_NOTICES
from shared.topology import CHANGES_ALERTS, FARES_INGEST, LANES, WORK_QUEUES
from tests.e2e.running_fleet import RunningFleet
from tests.forged_properties import readable_forgeries, unreadable_forgeries

pytestmark = pytest.mark.timeout(300)

GOOD_FARES = 100_000
TODAY = datetime.now(UTC).date()


class Poison(NamedTuple):
    """A message that nobody should send, and the reasons by which its contents are counted."""

    queue: str
    body: bytes
    properties: Basic.Properties
    dead: str | None = None
    set_aside: str | None = None
    good: int = 0


def fare(**fields: object) -> dict[str, Any]:
    """A fare whose board no generated fare is on: flights to Longyearbyen are none of the generator's."""
    usual = {
        "origin": "TOS",
        "destination": "LYR",
        "departure_date": str(TODAY + timedelta(days=30)),
        "carrier": "SK",
        "flight_number": "4490",
        "departure_time": "11:05",
        "currency": "NOK",
        "price": 149_900,
        "observed_at": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        "source": "test",
    }
    return usual | fields


BAD_FARES: dict[str, dict[str, Any]] = {
    "price_missing": {"price": 0},
    "price_negative": {"price": -1},
    "price_malformed": {"price": 149.5},
    "price_too_large": {"price": 10**15},
    "currency_unknown": {"currency": "ZZZ"},
    "currency_without_rate": {"currency": "KPW"},
    "origin_is_destination": {"destination": "TOS"},
    "origin_malformed": {"origin": "BCN\n"},
    "origin_unknown": {"origin": "QQQ"},
    "destination_malformed": {"destination": "lyr"},
    "carrier_malformed": {"carrier": "SK4490"},
    "flight_number_malformed": {"flight_number": "44901"},
    "departure_time_malformed": {"departure_time": "25:00"},
    "departure_date_malformed": {"departure_date": "2027-02-30"},
    "departure_date_past": {"departure_date": str(TODAY - timedelta(days=3))},
    "departure_date_too_far": {"departure_date": str(TODAY + timedelta(days=800))},
    "return_date_before_departure": {"return_date": str(TODAY + timedelta(days=29))},
    "observed_at_future": {"observed_at": f"{TODAY + timedelta(days=2)}T00:00:00Z"},
    "observed_at_long_ago": {"observed_at": f"{TODAY - timedelta(days=90)}T00:00:00Z"},
    "cabin_unknown": {"cabin": "cargo"},
    "stops_malformed": {"stops": "none"},
    "source_missing": {"source": ""},
}


def bodies(queue: str) -> Iterator[Poison]:
    """Bodies that no consumer of batches can read."""
    for body, reason in (
        (b"", "empty_body"),
        (b"\xff\xfe[]", "not_utf8"),
        (b"[" * 100_000, "json_malformed"),
        (b'[{"price": 1}', "json_malformed"),
        (b"[] []", "json_malformed"),
    ):
        yield Poison(queue, body, plain(JSON), dead=reason)
    yield Poison(queue, b"origin,destination\nTOS,LYR\n", plain("text/csv"), dead="wrong_content_type")
    yield Poison(queue, gzip.compress(b"[]"), plain(JSON), dead="not_utf8")


def batches(queue: str) -> Iterator[Poison]:
    """Batches that no consumer of batches can read."""
    stream = encode(FARES, next(Generator(9, 1_000, TODAY).cycle(0, datetime.now(UTC))))
    for body, reason in (
        (stream[: len(stream) // 2], "arrow_malformed"),
        (gzip.compress(stream), "arrow_malformed"),
        (stream.replace(b"farelark.fares", b"farelark.other"), "wrong_schema"),
    ):
        yield Poison(queue, body, plain(ARROW), dead=reason)
    yield Poison(queue, b"[]", plain(JSON), dead="no_rows")
    yield Poison(queue, b"[" + b"1," * MAX_ROWS + b"1]", plain(JSON), dead="too_many_rows")
    yield Poison(queue, b" " * (MAX_BYTES + 1), plain(JSON), dead="body_too_large")


def notifications(queue: str) -> Iterator[Poison]:
    """Bodies that the notifier cannot read."""
    for body, reason in (
        (b"", "empty_body"),
        (b'{"id": "\xff"}', "not_utf8"),
        (b"[" * 100_000, "json_malformed"),
        (b'[{"id": ', "json_malformed"),
        (b" " * (MAX_BODY_BYTES + 1), "body_too_large"),
        (b"[]", "wrong_length"),
        (b"[" + b"1," * MAX_NOTICES + b"1]", "wrong_length"),
        (b"[{}, 1]", "wrong_schema"),
        (b"{}", "wrong_schema"),
    ):
        yield Poison(queue, body, plain(JSON), dead=reason)
    yield Poison(queue, b"{}", plain(ARROW), dead="wrong_content_type")


def documents() -> Iterator[Poison]:
    """Single bad fares, each beside a good one."""
    for number, (reason, fault) in enumerate(BAD_FARES.items()):
        good = fare(flight_number=str(1_000 + number), seats_left=3)  # unknown fields are no fault
        body = json.dumps([fare(**fault), good]).encode()
        yield Poison(FARES_INGEST.name, body, plain(JSON), set_aside=reason, good=1)


def headers() -> Iterator[Poison]:
    """Strange properties around good fares."""
    for number, properties in enumerate(readable_forgeries(JSON).values()):
        body = json.dumps([fare(flight_number=str(2_000 + number))]).encode()
        yield Poison(FARES_INGEST.name, body, properties, good=1)
    for properties in unreadable_forgeries(JSON).values():
        yield Poison(FARES_INGEST.name, json.dumps([fare()]).encode(), properties, dead="wrong_content_type")


def plain(content_type: str) -> Basic.Properties:
    return Basic.Properties(content_type=content_type, delivery_mode=2)


POISONS = [
    *bodies(FARES_INGEST.name),
    *batches(FARES_INGEST.name),
    *documents(),
    *headers(),
    *bodies(CHANGES_ALERTS.name),
    *batches(CHANGES_ALERTS.name),
    *(poison for lane in LANES.values() for poison in notifications(lane.name)),
]


def test_poison_at_full_load_is_counted_by_reason_and_harms_nothing(fleet: RunningFleet) -> None:
    pids = {service.name: service.pid for service in fleet.addresses.services}
    before = counts(fleet)
    asyncio.run(publish_all(fleet))
    counted = counts(fleet) - before

    good = GOOD_FARES + sum(poison.good for poison in POISONS)
    assert counted == expected() + Counter({("fares", "", ""): good})
    assert rows_on_boards(fleet) == good
    assert {service.name: service.pid for service in fleet.addresses.services} == pids
    assert asyncio.run(take_dead_letters(fleet)) == Counter(
        (poison.queue, poison.dead) for poison in POISONS if poison.dead
    )


def expected() -> Counter[tuple[str, str, str]]:
    dead = Counter(("dead", poison.queue, poison.dead) for poison in POISONS if poison.dead)
    aside = Counter(("set aside", poison.queue, poison.set_aside) for poison in POISONS if poison.set_aside)
    return dead + aside


async def publish_all(fleet: RunningFleet) -> None:
    """The poison goes in while the good fares do, a few pieces before each batch."""
    poisons = iter(POISONS)
    generator = Generator(3, GOOD_FARES, TODAY)
    each = -(-len(POISONS) * MAX_ROWS // GOOD_FARES)
    async with (
        open_chain(fleet.addresses) as chain,
        fare_publisher(fleet.addresses) as publisher,
        raw_channel(fleet) as channel,
    ):
        for batch in generator.cycle(0, datetime.now(UTC)):
            for _, poison in zip(range(each), poisons, strict=False):
                await channel.basic_publish(poison.body, routing_key=poison.queue, properties=poison.properties)
            await publisher.publish(batch, cycle="good")
        await publisher.flush()
        await chain.drain(120)
    assert next(poisons, None) is None, "some poison was not sent"


def counts(fleet: RunningFleet) -> Counter[tuple[str, str, str]]:
    """What the workers have counted: (kind, queue, reason)."""
    names = {
        "farelark_dead_letters_total": "dead",
        "farelark_set_aside_documents_total": "set aside",
        "farelark_fares_total": "fares",
    }
    found: Counter[tuple[str, str, str]] = Counter()
    for service in fleet.addresses.services:
        for family in text_string_to_metric_families(httpx.get(f"{service.ops}/metrics").text):
            for sample in family.samples:
                if kind := names.get(sample.name):
                    labels = sample.labels
                    found[kind, labels.get("queue", ""), labels.get("reason", "")] += int(sample.value)
    return found


def rows_on_boards(fleet: RunningFleet) -> int:
    with Redis.from_url(fleet.addresses.redis) as redis:
        return sum(len(parse([redis.get(key)]).rows) for key in redis.scan_iter("fares:*", count=1_000))


async def take_dead_letters(fleet: RunningFleet) -> Counter[tuple[str, str]]:
    """Every dead letter by its queue and reason, taken away."""
    found: Counter[tuple[str, str]] = Counter()
    async with await aio_pika.connect(fleet.addresses.amqp) as connection:
        channel = await connection.channel()
        for queue in WORK_QUEUES:
            dead = await channel.get_queue(queue.dead)
            while message := await dead.get(fail=False, no_ack=True):
                found[queue.name, str(message.headers["reason"])] += 1
    return found


@asynccontextmanager
async def raw_channel(fleet: RunningFleet) -> AsyncIterator[AbstractChannel]:
    async with await aio_pika.connect(fleet.addresses.amqp) as connection:
        channel = await connection.channel()
        underlay: AbstractChannel = await channel.get_underlay_channel()
        yield underlay
