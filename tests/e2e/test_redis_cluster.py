"""A fleet on a Redis Cluster tells travellers what one on a single server tells, also when a master ends midway."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pytest

from fleet.chain import Chain, open_chain
from fleet.generator import Generator, Low
from fleet.publishing import FarePublisher, fare_publisher
from shared.airports import city_of
from tests.e2e.running_fleet import RunningFleet, running_fleet
from tests.integration.on_cluster.redis_cluster import ClusterInTest, running_cluster

pytestmark = pytest.mark.timeout(300)

FARES: Final = 60_000
CYCLES: Final = 5
KILLED_IN: Final = 2
MESSAGES_A_CYCLE: Final = 20
WISHES: Final = 300
# Fares come past the gateway.
SCALE: Final = {"price_worker": 2, "ingest_gateway": 0}
COMPARED: Final = "farelark_fares_total"
WAITED: Final = "farelark_unavailable_total"
ROUTE: Final = "JFK-LHR"
TODAY: Final = datetime.now(UTC).date()


class Outcome(NamedTuple):
    """What has become of each wish, and who was told of which fare at which price."""

    claims: list[tuple[Any, ...]]
    pushes: Counter[tuple[int, str, int]]
    waits: float


def test_a_master_that_is_killed_midway_changes_no_claim_and_no_push(server_programs: bool, tmp_path: Path) -> None:
    assert server_programs
    with running_fleet(tmp_path / "undisturbed", SCALE) as fleet:
        undisturbed = run(fleet, None)
    with running_cluster(tmp_path / "redis_cluster") as cluster:
        settings = {"REDIS_URL": cluster.url}
        with running_fleet(tmp_path / "disturbed", SCALE, settings) as fleet:
            disturbed = run(fleet, cluster)
        assert len(cluster.keys()) > 1_000
        assert not (tmp_path / "disturbed" / "redis").exists()
    assert undisturbed.waits == 0
    assert disturbed.waits > 0, "nobody noticed that the master was away"
    assert sum(claim[0] for claim in undisturbed.claims) > WISHES // 4, "too little fired to prove anything"
    assert disturbed.claims == undisturbed.claims
    assert disturbed.pushes == undisturbed.pushes
    assert set(disturbed.pushes.values()) == {1}


def run(fleet: RunningFleet, cluster: ClusterInTest | None) -> Outcome:
    """Have all cycles worked off; of a cluster, kill a master in one of them."""
    return asyncio.run(_run(fleet, cluster))


async def _run(fleet: RunningFleet, cluster: ClusterInTest | None) -> Outcome:
    generator = Generator(7, FARES, TODAY)
    async with open_chain(fleet.addresses) as chain, fare_publisher(fleet.addresses) as publisher:
        await publish(generator, 0, publisher)
        await chain.drain(120)
        alerts = await asyncio.to_thread(make_alerts, fleet, generator.lows())
        await chain.drain(120)
        for cycle in range(1, CYCLES):
            compared = (await chain.metrics())[COMPARED]
            kill = partial(kill_at_work, cluster, chain, compared) if cluster and cycle == KILLED_IN else None
            await publish(generator, cycle, publisher, kill)
            await chain.drain(120)
        waits = (await chain.metrics()).get(WAITED, 0)
    rows = {alerts[str(row["id"])]: row for row in await asyncio.to_thread(fleet.alert_rows)}
    claims = [claim(rows[number]) for number in range(WISHES)]
    pushes = Counter((alerts[push["alert_id"]], push["fare"], push["price"]) for push in fleet.pushes())
    return Outcome(claims, pushes, waits)


async def kill_at_work(cluster: ClusterInTest, chain: Chain, compared: float) -> None:
    """End a master once price workers have compared more, while they are at what else is published."""
    async with asyncio.timeout(30):
        while (await chain.metrics())[COMPARED] == compared:
            pass
    cluster.kill(cluster.master_of(ROUTE))


async def publish(
    generator: Generator, cycle: int, publisher: FarePublisher, midway: Callable[[], Awaitable[None]] | None = None
) -> None:
    """Publish a cycle, the fares that any one alert wants in one message: so no order of messages is of account."""
    for number, message in enumerate(by_route(list(generator.cycle(cycle, datetime.now(UTC))))):
        await publisher.publish(message, cycle=str(cycle))
        if midway and number == MESSAGES_A_CYCLE // 2:
            await midway()
    await publisher.flush()


def by_route(batches: Sequence[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    fares = pa.concat_batches(batches)
    cities = [[city_of(airport) for airport in fares[end].to_pylist()] for end in ("origin", "destination")]
    _, route = np.unique(["-".join(route) for route in zip(*cities, strict=True)], return_inverse=True)
    for number in range(MESSAGES_A_CYCLE):
        yield fares.take(pa.array(np.flatnonzero(route % MESSAGES_A_CYCLE == number)))


def make_alerts(fleet: RunningFleet, lows: Sequence[Low]) -> dict[str, int]:
    """The number of each wish by its alert's id."""
    traveller, chance = fleet.traveller(), random.Random(11)  # noqa: S311  # the same wishes in each run
    return {
        traveller.wish(
            origin=low.origin_city,
            destination=low.destination_city,
            departure_from=str(low.departure_date),
            departure_to=str(low.departure_date),
            rule={"kind": "target", "price": {"amount": low.price * 98 // 100, "currency": low.currency}},
        ): number
        for number, low in enumerate(chance.sample(lows, WISHES))
    }


def claim(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["fire_seq"], row["state"], row["armed_price"], row["last_price"], row["last_fare"]
