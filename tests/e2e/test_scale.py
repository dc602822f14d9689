"""Any number of workers may share a queue: what the travellers get does not depend on it."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain

import httpx
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from prometheus_client.parser import text_string_to_metric_families

from fleet.addresses import Service
from fleet.chain import open_chain
from fleet.publishing import fare_publisher
from fleet.replaying import Batch, batches, read, shift, stamp
from tests.e2e.model import Fare, Model, read_days, shifted
from tests.e2e.rates import RATES
from tests.e2e.running_fleet import Claim, RunningFleet, running_fleet
from tests.e2e.wishes import Wishes
from tests.real_data import real_file

DAYS = 10
ALERTS = 300
DELIVERIES = 2
DRAIN_SECONDS = 60


@pytest.fixture(scope="module")
def fleet_of_two(server_programs: bool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFleet]:
    """A fleet with two price workers and two alert workers."""
    assert server_programs
    folder = tmp_path_factory.mktemp("scale") / "fleet"
    with running_fleet(folder, scale={"price_worker": 2, "alert_worker": 2, "ingest_gateway": 0}) as fleet:
        yield fleet


@pytest.mark.timeout(400)
def test_two_price_and_two_alert_workers_make_the_same_claims_as_one_of_each(
    fleet: RunningFleet, fleet_of_two: RunningFleet
) -> None:
    path = real_file("fares/gflights_dev.csv.gz")
    history, days_moved = shift(read([path]), datetime.now(UTC).date())
    published = list(batches(history, by_day=True))[:DAYS]
    days = shifted(read_days(path)[:DAYS], days_moved)

    one = claims_after(fleet, published, days)
    two = claims_after(fleet_of_two, published, days)

    assert one == two
    assert idle_workers(fleet_of_two) == []


def claims_after(fleet: RunningFleet, published: Sequence[Batch], days: Sequence[Sequence[Fare]]) -> list[Claim]:
    """What has become of alerts, in the order in which they were made, once the model agrees with it."""
    wishes = Wishes()
    model = Model(RATES)
    model.make(wishes.make(fleet, list(chain(*days)), RATES, count=ALERTS, seed=2))
    for batch, fares in zip(published, days, strict=True):
        asyncio.run(publish_routes(fleet, batch))
        model.see(fares)
    claims = fleet.claims()
    assert claims == {name: alert.claim for name, alert in wishes.alerts.items()}
    return [claims[name] for name in wishes.alerts]


async def publish_routes(fleet: RunningFleet, day: Batch) -> None:
    """Publish a day as one message a route, each twice, so that workers meet over the same boards and alerts."""
    fares = stamp(day, datetime.now(UTC)).fares
    async with open_chain(fleet.addresses) as queues, fare_publisher(fleet.addresses) as publisher:
        for route in by_route(fares):
            for _ in range(DELIVERIES):
                await publisher.publish(route, cycle="scale")
        await publisher.flush()
        await queues.drain(DRAIN_SECONDS)


def by_route(fares: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    routes = pc.binary_join_element_wise(fares["origin"], fares["destination"], "-")
    for route in routes.unique():
        yield fares.filter(pc.equal(routes, route))


def idle_workers(fleet: RunningFleet) -> list[str]:
    """The workers that have settled no message; gateway and API consume from no queue."""
    workers = [service for service in fleet.addresses.services if service.name not in ("ingest_gateway", "alerts_api")]
    return [worker.name for worker in workers if not settled(worker)]


def settled(worker: Service) -> float:
    """How many messages a worker has settled."""
    families = text_string_to_metric_families(httpx.get(f"{worker.ops}/metrics").text)
    samples = chain.from_iterable(family.samples for family in families)
    return sum(sample.value for sample in samples if sample.name == "farelark_messages_total")
