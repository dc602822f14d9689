"""What lies in the spool goes to the broker in order, once it takes it, by one process at a time, and none is lost."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from services.ingest_gateway.intake import relay as relay_module
from services.ingest_gateway.intake.batches import Batch
from services.ingest_gateway.intake.outlet import Outlet
from services.ingest_gateway.intake.relay import Relay
from services.ingest_gateway.intake.spool import Spool
from shared.broker import publisher
from shared.broker.broker import Broker
from shared.broker.publisher import Patience
from shared.cycles import Stage, Tally
from shared.errors import UnavailableError
from shared.failpoints import Failpoints
from shared.fare_lanes import Lane
from shared.topology import FARES_INGEST, FARES_LIVE
from tests.integration.conftest import Probe
from tests.integration.crashing import CrashError, Crashing
from tests.integration.full_queues import JUNK, fill, small
from tests.integration.rabbitmqctl import alarm
from tests.integration.spools import ROOMY, bodies, keep, outlet_to
from tests.private_servers import Servers

NOWHERE = Failpoints(None)


@pytest.fixture(autouse=True)
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever fills a queue sees soon that it is full."""
    monkeypatch.setattr(publisher, "PATIENCE_S", 0.3)


@pytest.fixture
async def spool(accounts: AsyncEngine) -> Spool:
    return Spool(accounts, ROOMY)


@pytest.fixture
async def outlet(topology: Servers, probe: Probe) -> AsyncIterator[Outlet]:
    assert probe, "queues are empty"
    async with outlet_to(topology.rabbitmq.amqp_url, Patience(trying=0.1, confirm=2)) as outlet:
        yield outlet


async def lying_in(probe: Probe, queue: str) -> list[bytes]:
    return [message.body for message in await probe.all(queue)]


async def test_each_lane_goes_to_its_queue_in_order_and_is_gone_from_the_spool(
    accounts: AsyncEngine, spool: Spool, outlet: Outlet, probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "_AT_ONCE", 7)
    numbered = [b"%d" % number for number in range(25)]
    for number in numbered:
        await keep(spool, number)
        await keep(spool, b"live " + number, lane=Lane.LIVE)
    tally = Tally()
    await Relay(spool, outlet, tally, NOWHERE).drain()
    assert await lying_in(probe, FARES_INGEST.name) == numbered
    assert await lying_in(probe, FARES_LIVE.name) == [b"live " + number for number in numbered]
    assert await bodies(accounts) == []
    assert tally._counts == {"c1": {Stage.PUBLISHED: 150}}


async def test_accounts_are_asked_once_the_spool_is_seen_to_hold_something(
    accounts: AsyncEngine, spool: Spool, outlet: Outlet, probe: Probe
) -> None:
    relay = Relay(spool, outlet, Tally(), NOWHERE)
    await keep(Spool(accounts, ROOMY), b"of another process")
    await relay.drain()
    assert await bodies(accounts) == [b"of another process"]
    await spool.look()
    await relay.drain()
    assert await lying_in(probe, FARES_INGEST.name) == [b"of another process"]
    assert await bodies(accounts) == []


async def test_a_relayed_message_is_as_the_gateway_would_have_published_it(
    spool: Spool, outlet: Outlet, probe: Probe
) -> None:
    await keep(spool, b"fares")
    await Relay(spool, outlet, Tally(), NOWHERE).drain()
    await outlet.publish(Batch(Lane.SWEEP, "c1", 3, b"fares"))
    relayed, direct = await probe.all(FARES_INGEST.name)
    for attribute in ("body", "content_type", "headers", "message_id", "delivery_mode"):
        assert getattr(relayed, attribute) == getattr(direct, attribute)


async def test_a_crash_between_confirm_and_commit_repeats_what_was_in_hand_and_loses_nothing(
    accounts: AsyncEngine, spool: Spool, outlet: Outlet, probe: Probe
) -> None:
    await keep(spool, b"1", b"2")
    with pytest.raises(CrashError):
        await Relay(spool, outlet, Tally(), Crashing("gateway.relayed")).drain()
    assert await bodies(accounts) == [b"1", b"2"]
    await Relay(spool, outlet, Tally(), NOWHERE).drain()
    arrived = [(message.body, message.message_id) for message in await probe.all(FARES_INGEST.name)]
    assert [body for body, _ in arrived] == [b"1", b"2"] * 2
    assert arrived[:2] == arrived[2:], "a repeat has the id of what it repeats"
    assert await bodies(accounts) == []


async def test_several_relays_at_once_publish_each_batch_once_and_in_order(
    accounts: AsyncEngine, spool: Spool, outlet: Outlet, probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "_AT_ONCE", 3)
    numbered = [b"%02d" % number for number in range(40)]
    await keep(spool, *numbered)
    relays = [Relay(spool, outlet, Tally(), NOWHERE) for _ in range(4)]
    while await bodies(accounts):
        await asyncio.gather(*(relay.drain() for relay in relays))
    assert await lying_in(probe, FARES_INGEST.name) == numbered


async def test_a_full_queue_stops_its_lane_where_it_was_and_not_the_other(
    topology: Servers, accounts: AsyncEngine, spool: Spool, outlet: Outlet, broker: Broker, probe: Probe
) -> None:
    relay = Relay(spool, outlet, Tally(), NOWHERE)
    await keep(spool, b"1", b"2")
    await keep(spool, b"live", lane=Lane.LIVE)
    async with small(topology, FARES_INGEST.name, 1):
        junk = await fill(broker, FARES_INGEST.name)
        await relay.drain()
        assert await bodies(accounts) == [b"1", b"2"]
        assert await lying_in(probe, FARES_LIVE.name) == [b"live"]
        assert not outlet.open(Lane.SWEEP)
        assert outlet.open(Lane.LIVE)
    async with asyncio.timeout(20):
        while await bodies(accounts):
            await relay.drain()
            await asyncio.sleep(0.05)
    assert await lying_in(probe, FARES_INGEST.name) == [JUNK] * junk + [b"1", b"2"]


async def test_what_was_confirmed_before_one_that_was_not_is_not_published_again(
    accounts: AsyncEngine, spool: Spool, outlet: Outlet, probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keep(spool, b"1", b"2", b"3")
    publish = outlet.publish

    async def failing_once(batch: Batch) -> None:
        if batch.body == b"2":
            monkeypatch.setattr(outlet, "publish", publish)
            raise UnavailableError("rabbitmq", "a test says so")
        await publish(batch)

    monkeypatch.setattr(outlet, "publish", failing_once)
    relay = Relay(spool, outlet, Tally(), NOWHERE)
    await relay.drain()
    assert await bodies(accounts) == [b"2", b"3"]
    await relay.drain()
    assert Counter(await lying_in(probe, FARES_INGEST.name)) == Counter([b"1", b"2", b"3"])


async def test_during_an_alarm_nothing_is_touched_and_all_goes_after_it(
    topology: Servers, accounts: AsyncEngine, spool: Spool, outlet: Outlet, probe: Probe
) -> None:
    relay = Relay(spool, outlet, Tally(), NOWHERE)
    await keep(spool, b"1")
    async with alarm(topology, "memory"):
        async with asyncio.timeout(20):
            while not outlet.blocked:  # the broker says so to who publishes
                await relay.drain()
                await asyncio.sleep(0.05)
        await keep(spool, b"2")
        await relay.drain()
        assert await bodies(accounts) == [b"1", b"2"]
        assert not outlet.open(Lane.SWEEP)
    async with asyncio.timeout(20):
        while await bodies(accounts):
            await relay.drain()
            await asyncio.sleep(0.05)
    arrived = await lying_in(probe, FARES_INGEST.name)
    assert list(dict.fromkeys(arrived)) == [b"1", b"2"]
