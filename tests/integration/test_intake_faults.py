"""Whatever the broker does, callers are answered: their fares are in its queue or in the spool."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from services.ingest_gateway.intake.delivering import Deliverer
from services.ingest_gateway.intake.intake import Intake
from services.ingest_gateway.intake.outlet import Outlet
from services.ingest_gateway.intake.spool import Spool
from services.ingest_gateway.intake.taken import Taken
from shared.broker import publisher
from shared.broker.broker import Broker
from shared.broker.publisher import Patience
from shared.cycles import Tally
from shared.failpoints import Failpoints
from shared.fare_lanes import Lane
from shared.messages.batches import decode
from shared.messages.fares import FARES
from shared.topology import FARES_LIVE
from tests.counted import counted
from tests.integration.conftest import Probe
from tests.integration.crashing import CrashError, Crashing
from tests.integration.full_queues import fill, small
from tests.integration.killable_broker import frozen
from tests.integration.rabbitmqctl import alarm, node_of
from tests.integration.spools import ROOMY, kept, outlet_to
from tests.private_servers import Servers

QUEUED, SPOOLED = Taken([], spooled=False), Taken([], spooled=True)
NO_FAILPOINTS = Failpoints(None)
Gate = Callable[..., Intake]


@pytest.fixture(autouse=True)
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever fills a queue sees soon that it is full."""
    monkeypatch.setattr(publisher, "PATIENCE_S", 0.3)


@pytest.fixture
async def outlet(topology: Servers, probe: Probe) -> AsyncIterator[Outlet]:
    assert probe, "queues are empty"
    async with outlet_to(topology.rabbitmq.amqp_url, Patience(trying=0.2, confirm=0.5)) as outlet:
        yield outlet


@pytest.fixture
def gate(outlet: Outlet, accounts: AsyncEngine) -> Gate:
    """Makes an intake."""

    def make(failpoints: Failpoints = NO_FAILPOINTS, way: Outlet = outlet) -> Intake:
        deliverer = Deliverer(way, Spool(accounts, ROOMY), Tally(), failpoints)
        return Intake(deliverer, 0.005, timedelta(days=1), lambda: datetime.now(UTC), failpoints)

    return make


def fare(flight: int) -> dict[str, Any]:
    now = datetime.now(UTC)
    return dict.fromkeys(FARES.schema.names) | {
        "origin": "BCN",
        "destination": "BUD",
        "departure_date": now.date() + timedelta(days=30),
        "flight_number": str(flight),
        "cabin": "economy",
        "stops": 0,
        "currency": "EUR",
        "price": 8_999,
        "observed_at": now,
        "source": "tests",
    }


def flights_in(*bodies: bytes) -> list[str]:
    rows = [
        row for body in bodies for row in decode(FARES, body, "application/vnd.apache.arrow.stream").rows.to_pylist()
    ]
    return sorted(row["flight_number"] for row in rows)


async def flights_in_queue(probe: Probe) -> list[str]:
    return flights_in(*(message.body for message in await probe.all(FARES_LIVE.name)))


async def flights_in_spool(accounts: AsyncEngine) -> list[str]:
    return flights_in(*(row["body"] for row in await kept(accounts)))


async def eventually_queued(intake: Intake) -> None:
    """Give fares until they go to the queue again."""
    async with asyncio.timeout(20):
        while await intake.take([fare(9)], Lane.LIVE, None) != QUEUED:  # noqa: ASYNC110  # the broker tells nobody
            await asyncio.sleep(0.05)


async def test_while_all_is_well_fares_go_to_the_queue_alone(gate: Gate, probe: Probe, accounts: AsyncEngine) -> None:
    assert await gate().take([fare(1), fare(2)], Lane.LIVE, None) == QUEUED
    assert await flights_in_queue(probe) == ["1", "2"]
    assert await kept(accounts) == []


async def test_what_a_full_queue_refuses_is_spooled_and_what_follows_goes_there_without_asking_it(
    gate: Gate, topology: Servers, broker: Broker, probe: Probe, accounts: AsyncEngine
) -> None:
    intake = gate()
    async with small(topology, FARES_LIVE.name, 1):
        await fill(broker, FARES_LIVE.name)
        assert await intake.take([fare(1)], Lane.LIVE, None) == SPOOLED
        asked = counted("farelark_publishes_total", exchange="live_fares", outcome="refused")
        assert await intake.take([fare(2)], Lane.LIVE, None) == SPOOLED
        assert counted("farelark_publishes_total", exchange="live_fares", outcome="refused") == asked
    await probe.purge()
    assert await flights_in_spool(accounts) == ["1", "2"]
    await eventually_queued(intake)


async def test_during_an_alarm_all_is_spooled_and_after_it_all_goes_to_the_queue_again(
    gate: Gate, topology: Servers, outlet: Outlet
) -> None:
    intake = gate()
    async with alarm(topology, "memory"), asyncio.timeout(20):
        while not outlet.blocked:  # the broker says so to who publishes
            await intake.take([fare(1)], Lane.LIVE, None)
        assert await intake.take([fare(2)], Lane.LIVE, None) == SPOOLED
    await eventually_queued(intake)


async def test_a_frozen_broker_is_waited_for_once_and_then_left_alone(
    gate: Gate, topology: Servers, accounts: AsyncEngine, probe: Probe
) -> None:
    """What it was given may have landed: it is spooled all the same, and a repeat is no change."""
    intake, node = gate(), await node_of(topology.rabbitmq.management_url)
    before = counted("farelark_publishes_total", exchange="live_fares", outcome="unknown")
    async with frozen(node):
        for flight in (1, 2, 3):
            assert await intake.take([fare(flight)], Lane.LIVE, None) == SPOOLED
    assert counted("farelark_publishes_total", exchange="live_fares", outcome="unknown") == before + 1
    assert await flights_in_spool(accounts) == ["1", "2", "3"]
    await eventually_queued(intake)
    assert set(await flights_in_queue(probe)) <= {"1", "9"}


@pytest.mark.parametrize(
    ("failpoint", "queued", "spooled"),
    [("gateway.gathered", [], []), ("gateway.confirmed", ["1"], []), ("gateway.spooled", [], ["1"])],
)
async def test_a_crash_at_a_failpoint_answers_nobody_and_leaves_fares_where_they_were_safe(
    gate: Gate, accounts: AsyncEngine, probe: Probe, failpoint: str, queued: list[str], spooled: list[str]
) -> None:
    never_connected = Outlet(asyncio.Future)
    intake = gate(Crashing(failpoint), never_connected) if spooled else gate(Crashing(failpoint))
    with pytest.raises(CrashError):
        await intake.take([fare(1)], Lane.LIVE, None)
    assert await flights_in_queue(probe) == queued
    assert await flights_in_spool(accounts) == spooled
