"""One shard is stopped under load: the others' travellers hear at once, its own once it is back, nobody is missed."""

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest

from fleet.chain import Chain, open_chain
from fleet.generator import Generator
from fleet.ledger import count
from fleet.publishing import FarePublisher, fare_publisher
from fleet.travellers import settle_in
from shared.alerts.available_fares import AvailableFares
from shared.alerts.filters import Filters
from shared.conversion import ReferenceAmounts
from shared.fare_boards.store import BoardStore
from shared.settings import DEFAULT_FARE_LIFETIME
from tests.development_rates import RATES
from tests.e2e.running_fleet import RunningFleet, running_fleet
from tests.e2e.stoppable_shard import StoppableShard, other_databases, shard_of_its_own

pytestmark = pytest.mark.timeout(600)
FARES, ALERTS = 60_000, 1_500
OUTAGE_SECONDS = float(os.environ.get("FARELARK_OUTAGE_SECONDS", "8"))
AWAY = 1


def test_while_a_shard_is_stopped_the_others_go_on_and_it_catches_up(server_programs: bool, tmp_path: Path) -> None:
    assert server_programs
    elsewhere = other_databases(tmp_path / "others", "accounts", "shard0", "shard2", "shard3")
    with elsewhere as near, shard_of_its_own(tmp_path / "shard") as shard:
        urls = [near.url("shard0"), shard.server.url("shard"), near.url("shard2"), near.url("shard3")]
        settings = {"ACCOUNTS_URL": near.url("accounts"), "SHARD_URLS": ",".join(urls)}
        with running_fleet(tmp_path / "fleet", {"ingest_gateway": 0}, settings) as fleet:
            asyncio.run(outage(fleet, shard))


async def outage(fleet: RunningFleet, shard: StoppableShard) -> None:
    generator = Generator(1, FARES, datetime.now(UTC).date())
    async with open_chain(fleet.addresses) as chain, fare_publisher(fleet.addresses) as publisher:
        await publish(generator, 0, publisher)
        await chain.drain(120)
        await settle_in(fleet.addresses.api, generator.lows(), ALERTS, 1, lambda _: None)
        await chain.drain(120)
        shard.stop()
        stopped = asyncio.get_running_loop().time()
        cycle = 0
        while asyncio.get_running_loop().time() < stopped + OUTAGE_SECONDS:
            cycle += 1
            claims = await claims_elsewhere(fleet)
            await publish(generator, cycle, publisher)
            await claims_beyond(fleet, claims)
        assert (await chain.look()).busy, "the parts of the shard that is away wait nowhere"
        await asyncio.to_thread(shard.start)
        await chain.drain(180)
        await evaluated_once_more(fleet)
        await chain.drain(180)
        await check_books(fleet, chain)
        await check_nobody_was_missed(fleet)


async def publish(generator: Generator, cycle: int, publisher: FarePublisher) -> None:
    for batch in generator.cycle(cycle, datetime.now(UTC)):
        await publisher.publish(batch, cycle=str(cycle))
    await publisher.flush()


async def claims_elsewhere(fleet: RunningFleet) -> int:
    urls = [url for number, url in enumerate(fleet.addresses.shards) if number != AWAY]
    return sum([int(row["sum"]) for url in urls for row in await rows(url, "SELECT sum(fire_seq) FROM alerts")])


async def claims_beyond(fleet: RunningFleet, before: int) -> None:
    """Wait until the other shards have claimed more."""
    async with asyncio.timeout(30):
        while await claims_elsewhere(fleet) <= before:  # noqa: ASYNC110  # other processes do the work
            await asyncio.sleep(0.1)


async def evaluated_once_more(fleet: RunningFleet) -> None:
    """Let the time come at which alerts are evaluated once more, and wait until they are."""
    for url in fleet.addresses.shards:
        await rows(url, "UPDATE alerts SET check_at = now() WHERE check_at IS NOT NULL")
    async with asyncio.timeout(60):
        while await due(fleet):  # noqa: ASYNC110  # other processes do the work
            await asyncio.sleep(0.2)


async def due(fleet: RunningFleet) -> bool:
    return any([await rows(url, "SELECT FROM alerts WHERE check_at <= now()") for url in fleet.addresses.shards])


async def check_books(fleet: RunningFleet, chain: Chain) -> None:
    ledger = await count(fleet.addresses, chain)
    assert ledger.claims == ledger.notifications == ledger.pushes + ledger.dropped + ledger.suppressed
    assert ledger.dead_lettered == 0
    (late,) = await rows(fleet.addresses.shards[AWAY], "SELECT sum(fire_seq) FROM alerts")
    assert late["sum"] > 0


async def check_nobody_was_missed(fleet: RunningFleet) -> None:
    """No alert sleeps on a fare that it waits for."""
    amounts, store = ReferenceAmounts(RATES), BoardStore(fleet.addresses.redis)
    available = AvailableFares(store, DEFAULT_FARE_LIFETIME, lambda: datetime.now(UTC))
    waiting = [row for url in fleet.addresses.shards for row in await rows(url, "SELECT * FROM alerts")]
    wanted = [(Filters.of(row), row["armed_price"]) for row in waiting]
    known = await available.wanted_by([filters for filters, _ in wanted], amounts)
    best = [(known.best(filters, available.first_departure), armed) for filters, armed in wanted]
    assert len(best) == ALERTS
    assert [fare for fare, armed in best if fare and fare.reference_price <= armed] == []
    await store.close()


async def rows(url: str, statement: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url, timeout=10)
    try:
        return await connection.fetch(statement)
    finally:
        await connection.close()
