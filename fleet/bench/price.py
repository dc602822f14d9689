"""How fast the price stage is: from the queue to confirmed changes and written boards.

A fleet of its own runs price workers only. A first cycle fills the boards, a second one with moved prices is
measured through the queue. Then a third goes through the same comparison and the same Redis calls in one
process without a broker: the ceiling.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from redis.asyncio import Redis

from fleet.addresses import Addresses
from fleet.chain import Chain, open_chain
from fleet.generator import Generator
from fleet.publishing import fare_publisher
from services.price_worker.comparison import compare, latest
from shared.broker import Broker, Outgoing
from shared.conversion import ReferenceAmounts
from shared.fare_boards.layout import expires_at, redis_key
from shared.fare_boards.store import BoardStore, Write
from shared.messages.batches import ARROW, encode
from shared.messages.columns import FareColumns, validate
from shared.messages.fares import FARES
from shared.money import Rates
from shared.settings import DEFAULT_FARE_LIFETIME, DEFAULT_RATES_FILE
from shared.topology import FARES_INGEST

_DRAIN_TIMEOUT_S: Final = 600.0
_LOOK_EVERY_S: Final = 0.02
_SEED: Final = 1
_COMPARED: Final = "farelark_fares_total"
ONLY_PRICE_WORKERS: Final = {"notifier": 0, "alert_worker": 0, "alerts_api": 0}


@dataclass(frozen=True, slots=True)
class Result:
    """Figures of one run; `seconds` is of the measured cycle, `ratio` is of its speed to the ceiling."""

    fares: int
    workers: int
    seconds: float
    fares_per_second: int
    changes: int
    redis_bytes_per_fare: float
    ceiling_fares_per_second: int
    ratio: float


async def measure(addresses: Addresses, fares: int, workers: int) -> Result:
    """Measure on a running fleet of price workers with empty boards.

    Raises:
        UnavailableError: a server was lost on the way.
    """
    generator = Generator(_SEED, fares, datetime.now(UTC).date())
    async with open_chain(addresses) as chain, Redis.from_url(addresses.redis) as redis:
        empty = (await redis.info("memory"))["used_memory"]
        await _fill(generator, addresses, chain)
        filled = (await redis.info("memory"))["used_memory"]
        seconds, changes = await _measure_cycle(_bodies(generator, 1), addresses, chain, fares)
    ceiling_seconds = await _ceiling(generator, addresses.redis)
    return Result(
        fares=fares,
        workers=workers,
        seconds=round(seconds, 3),
        fares_per_second=round(fares / seconds),
        changes=changes,
        redis_bytes_per_fare=round((filled - empty) / fares, 1),
        ceiling_fares_per_second=round(fares / ceiling_seconds),
        ratio=round(ceiling_seconds / seconds, 3),
    )


def _bodies(generator: Generator, cycle: int) -> list[bytes]:
    return [encode(FARES, batch) for batch in generator.cycle(cycle, datetime.now(UTC))]


async def _fill(generator: Generator, addresses: Addresses, chain: Chain) -> None:
    async with fare_publisher(addresses.amqp) as publisher:
        for batch in generator.cycle(0, datetime.now(UTC)):
            await publisher.publish(batch, cycle="fill")
        await publisher.flush()
    await _compared(chain, generator.fares)


async def _measure_cycle(bodies: Sequence[bytes], addresses: Addresses, chain: Chain, fares: int) -> tuple[float, int]:
    before = await chain.metrics()
    broker = await Broker.connect(addresses.amqp, "bench")
    started = time.monotonic()
    await broker.publish_all(Outgoing(FARES_INGEST.name, body, ARROW) for body in bodies)
    metrics = await _compared(chain, int(before[_COMPARED]) + fares)
    seconds = time.monotonic() - started
    await broker.close()
    return seconds, int(metrics["farelark_changes_total"] - before["farelark_changes_total"])


async def _compared(chain: Chain, total: int) -> dict[str, float]:
    """Wait until the workers have compared as many fares in all; returns their counters."""
    async with asyncio.timeout(_DRAIN_TIMEOUT_S):
        while (metrics := await chain.metrics()).get(_COMPARED, 0) < total:  # noqa: ASYNC110  # other processes count
            await asyncio.sleep(_LOOK_EVERY_S)
        return dict(metrics)


async def _ceiling(generator: Generator, redis_url: str) -> float:
    """Seconds that the next cycle takes on the same boards in this process, read and checked beforehand."""
    amounts = ReferenceAmounts(Rates.load(DEFAULT_RATES_FILE))
    now = datetime.now(UTC)
    batches = [validate(rows, now, DEFAULT_FARE_LIFETIME, amounts.check)[0] for rows in generator.cycle(2, now)]
    boards = BoardStore(redis_url)
    started = time.monotonic()
    for fares in batches:
        await _compare_bare(fares, boards, amounts, now)
    seconds = time.monotonic() - started
    await boards.close()
    return seconds


async def _compare_bare(fares: FareColumns, store: BoardStore, amounts: ReferenceAmounts, now: datetime) -> None:
    seen = latest(fares)
    keys = [redis_key(int(board)) for board in seen.boards]
    boards = await store.read(keys)
    stale_before = int((now - DEFAULT_FARE_LIFETIME).timestamp() * 1000)
    values = compare(seen, boards, amounts, stale_before).values
    writes = [
        Write(keys[board], boards.headers[board], value, expires_at(int(seen.boards[board])))
        for board, value in values.items()
    ]
    await store.write(writes)
