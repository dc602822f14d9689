"""How fast the gateway takes fares in, one by one and in bulk, until the broker has confirmed their batches.

A fleet of its own runs nothing but gateways. So many clients ask one after the other without a pause: first for its
liveness, which is HTTP alone and so the ceiling, then each posts a fare at a time. Then some post Arrow streams of many
fares; the ceiling of these is the same fares, encoded beforehand, on their way straight to the broker.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

import numpy as np
import pyarrow as pa
from msgspec.json import encode as as_json

from fleet.addresses import Addresses
from fleet.bench.http_load import Ask, Asked, Load, Pace
from fleet.bench.market import Market
from fleet.bench.sweep import Sweep
from fleet.producer_keys import Rights, passing_key
from fleet.publishing import fare_publisher
from fleet.workers import only
from shared.fare_lanes import Lane
from shared.messages.batches import ARROW, MAX_ROWS, encode
from shared.messages.fares import FARES
from shared.money import Rates
from shared.producer_keys import ProducerKey
from shared.settings import DEFAULT_RATES_FILE

ONLY_GATEWAYS: Final = only("ingest_gateway")
_PATH: Final = "/v1/fares"
# Of the source that the sweep's fares name.
_RIGHTS: Final = Rights("bench", "bench", tuple(Lane), fares_per_minute=2**31 - 1, expires_at=None)
_ACCEPTED: Final = 202
_WARM_UP_SHARE: Final = 0.1
_BULK_CLIENTS: Final = 4
_BATCHES_A_BODY: Final = 5
_ROUTES: Final = 2_000
_PER_BOARD: Final = 25
_SEED: Final = 1

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is sent: requests of one fare each by so many clients, then fares in bulk."""

    requests: int
    bulk_fares: int
    clients: int

    @property
    def warm_up(self) -> int:
        """Requests before those that count."""
        return round(self.requests * _WARM_UP_SHARE)

    @property
    def bodies(self) -> int:
        """Requests that hold the fares in bulk."""
        return math.ceil(self.bulk_fares / (MAX_ROWS * _BATCHES_A_BODY))

    @property
    def answers(self) -> int:
        """Requests in all, of which the progress tells; as many as there are single fares ask for liveness."""
        return self.warm_up + 2 * self.requests + self.bodies


@dataclass(frozen=True, slots=True)
class Result:
    """Figures of one run; each ratio is of a speed to its ceiling."""

    gateways: int
    clients: int
    requests: int
    requests_per_second: int
    p50_ms: float
    p99_ms: float
    bare_http_per_second: int
    ratio: float
    bulk_fares: int
    bulk_fares_per_second: int
    bare_broker_fares_per_second: int
    bulk_ratio: float


async def measure(addresses: Addresses, gateways: Sequence[str], plan: Plan, say: Say, asked: Asked) -> Result:
    """Measure running gateways.

    Args:
        addresses: of their fleet.
        gateways: their roots; clients are spread over them.
        plan: how much is sent.
        say: is told of each step.
        asked: is told how many requests were answered since it was last told.

    Raises:
        ExceptionGroup: of RefusedError, where a gateway did not take what it should, or of UnavailableError.
        UnavailableError: the broker or the accounts database was lost on the way.
    """
    batches = list(_sweep(plan.bulk_fares).batches(0, datetime.now(UTC)))
    load = Load(gateways, plan.clients, asked)
    async with passing_key(addresses.accounts, _RIGHTS) as key:
        await load.put(_one_by_one(key, plan.warm_up))
        say("asking for liveness alone")
        bare = await load.put([Ask("GET", "/health/live", 200)] * plan.requests)
        say("sending fares one by one")
        singles = await load.put(_one_by_one(key, plan.requests))
        say("sending fares straight to the broker")
        bare_broker = await _publish(addresses, batches)
        say("sending fares in bulk")
        bulk = await Load(gateways, _BULK_CLIENTS, asked).put(list(_in_bulk(key, batches)))
    return _result(plan, len(gateways), singles, bare, bulk, bare_broker)


def _result(plan: Plan, gateways: int, singles: Pace, bare: Pace, bulk: Pace, bare_broker: float) -> Result:
    bulk_per_second = bulk.per_second * plan.bulk_fares / plan.bodies
    return Result(
        gateways=gateways,
        clients=plan.clients,
        requests=plan.requests,
        requests_per_second=round(singles.per_second),
        p50_ms=singles.p50,
        p99_ms=singles.p99,
        bare_http_per_second=round(bare.per_second),
        ratio=round(singles.per_second / bare.per_second, 3),
        bulk_fares=plan.bulk_fares,
        bulk_fares_per_second=round(bulk_per_second),
        bare_broker_fares_per_second=round(bare_broker),
        bulk_ratio=round(bulk_per_second / bare_broker, 3),
    )


def _sweep(fares: int, *, shuffled: bool = False) -> Sweep:
    market = Market(_ROUTES, np.random.default_rng(_SEED))
    rates = Rates.load(DEFAULT_RATES_FILE)
    return Sweep(market, fares, _PER_BOARD, rates, _SEED, datetime.now(UTC).date(), shuffled=shuffled)


def _one_by_one(key: ProducerKey, requests: int) -> list[Ask]:
    """Requests of one fare each, of all routes and dates in no order."""
    fares = _sweep(max(requests, MAX_ROWS), shuffled=True)
    rows = (row for batch in fares.batches(0, datetime.now(UTC)) for row in batch.to_pylist())
    documents = (as_json(_document(row)) for row in islice(rows, requests))
    return [Ask("POST", f"{_PATH}?lane=live", _ACCEPTED, key.text, document) for document in documents]


def _document(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"departure_time": f"{row['departure_time']:%H:%M}"}


def _in_bulk(key: ProducerKey, batches: Sequence[pa.RecordBatch]) -> Iterator[Ask]:
    for start in range(0, len(batches), _BATCHES_A_BODY):
        body = _stream(batches[start : start + _BATCHES_A_BODY])
        yield Ask("POST", f"{_PATH}?lane=sweep", _ACCEPTED, key.text, body, ARROW)


def _stream(batches: Sequence[pa.RecordBatch]) -> bytes:
    schema = batches[0].schema.with_metadata(FARES.schema.metadata)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as stream:
        for batch in batches:
            stream.write_batch(batch.replace_schema_metadata(schema.metadata))
    return bytes(sink.getvalue())


async def _publish(addresses: Addresses, batches: Sequence[pa.RecordBatch]) -> float:
    """Publish batches that are encoded already; how many fares a second are confirmed."""
    bodies = [(encode(FARES, batch), batch.num_rows) for batch in batches]
    async with fare_publisher(addresses) as publisher:
        started = time.monotonic()
        for body, fares in bodies:
            await publisher.send(body, fares, "bench")
        await publisher.flush()
        return sum(fares for _, fares in bodies) / (time.monotonic() - started)
