"""A worker that is told to stop under load finishes or hands back what it has: nothing is lost or told twice."""

import asyncio
import os
import signal
import time
from datetime import UTC, datetime

import pytest

from fleet.chain import Chain, open_chain
from fleet.generator import Generator
from fleet.publishing import FarePublisher, fare_publisher
from fleet.travellers import settle_in
from tests.e2e.running_fleet import RunningFleet, up_log

pytestmark = pytest.mark.timeout(300)

FARES = 150_000
ALERTS = 600
WORKERS = ("price_worker", "alert_worker", "notifier")


def test_workers_stopped_under_load_end_in_good_order_and_the_books_balance(fleet: RunningFleet) -> None:
    asyncio.run(stop_each_under_load(fleet))

    ledger = fleet.status()["ledger"]
    told = [push["notification_id"] for push in fleet.pushes()]
    log = up_log(fleet.folder).read_text()
    assert [worker for worker in WORKERS if f"{worker} ended with status 0" not in log] == []
    assert 0 < ledger["claims"] == ledger["notifications"] == len(told) == len(set(told))


async def stop_each_under_load(fleet: RunningFleet) -> None:
    generator = Generator(1, FARES, datetime.now(UTC).date())
    async with open_chain(fleet.addresses) as chain, fare_publisher(fleet.addresses) as publisher:
        await publish(generator, 0, publisher)
        await chain.drain(120)
        await settle_in(fleet.addresses.api, generator.lows(), ALERTS, 1, lambda _: None)
        for cycle, worker in enumerate(WORKERS, start=1):
            handled = (await chain.look()).settled
            publishing = asyncio.create_task(publish(generator, cycle, publisher))
            await settled_beyond(chain, handled)
            await stop(fleet, worker)
            await publishing
            await chain.drain(120)


async def publish(generator: Generator, cycle: int, publisher: FarePublisher) -> None:
    for batch in generator.cycle(cycle, datetime.now(UTC)):
        await publisher.publish(batch, cycle=str(cycle))
    await publisher.flush()


async def settled_beyond(chain: Chain, count: float) -> None:
    """Wait until the workers are at it."""
    async with asyncio.timeout(60):
        while (await chain.look()).settled <= count:  # noqa: ASYNC110  # other processes do the work
            await asyncio.sleep(0.01)


async def stop(fleet: RunningFleet, worker: str) -> None:
    """Tell it to stop, and wait until another process has its place."""
    pid = pids(fleet)[worker]
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + 60
    while pids(fleet)[worker] == pid:
        assert time.monotonic() < deadline, f"{worker} did not stop\n{fleet.log_tails()}"
        await asyncio.sleep(0.05)


def pids(fleet: RunningFleet) -> dict[str, int]:
    return {service.name: service.pid for service in fleet.addresses.services}
