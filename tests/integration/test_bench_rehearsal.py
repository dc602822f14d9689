"""The bench's ceiling runs what the alert worker would have run, and the rehearsal before it leaves no trace."""

from datetime import UTC, datetime

import numpy as np
import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from fleet.bench.market import Market
from fleet.bench.rehearsal import perform, rehearse
from fleet.bench.synthetic_alerts import Alerts, fill
from fleet.bench.synthetic_changes import Changes
from shared.errors import ConfigurationError
from shared.messages.batches import encode
from shared.messages.changes import CHANGES
from shared.schema.shards import alerts
from shared.shard_map import ShardMap
from tests.development_rates import RATES

NOW = datetime.now(UTC)
MARKET = Market(4, np.random.default_rng(0))
ALERTS = 4_000
BODIES = [encode(CHANGES, batch) for batch in Changes(MARKET, 1, RATES, NOW).batches(12_000)]


@pytest.fixture
async def filled(shard_engines: list[AsyncEngine], shard_urls: list[str]) -> list[AsyncEngine]:
    """Shards with invented alerts."""
    made: list[int] = []
    shard_map = ShardMap.even(len(shard_urls))
    await fill(shard_urls, shard_map, Alerts(MARKET, 1, NOW.date(), RATES.date).batches(ALERTS), made.append)
    assert sum(made) == ALERTS
    return shard_engines


async def counts(engines: list[AsyncEngine]) -> tuple[int, int]:
    """How many alerts there are, and how many claims were made on them."""
    found = []
    for engine in engines:
        async with engine.connect() as connection:
            wanted = select(func.count(), func.coalesce(func.sum(alerts.c.fire_seq), 0))
            found.append((await connection.execute(wanted)).one())
    return sum(row[0] for row in found), sum(row[1] for row in found)


async def test_every_alert_is_made_on_the_shard_of_its_route(filled: list[AsyncEngine]) -> None:
    shard_map = ShardMap.even(len(filled))
    assert await counts(filled) == (ALERTS, 0)
    for number, engine in enumerate(filled):
        async with engine.connect() as connection:
            routes = (await connection.scalars(select(alerts.c.route).distinct())).all()
        assert {shard_map.shard_of(route) for route in routes} <= {number}


async def test_shards_with_alerts_are_not_filled(filled: list[AsyncEngine], shard_urls: list[str]) -> None:
    more = Alerts(MARKET, 2, NOW.date(), RATES.date).batches(10)
    with pytest.raises(ConfigurationError, match="has alerts"):
        await fill(shard_urls, ShardMap.even(len(shard_urls)), more, lambda _: None)
    assert await counts(filled) == (ALERTS, 0)


async def test_a_rehearsal_leaves_no_claim_and_its_scripts_make_them_all(
    filled: list[AsyncEngine], shard_urls: list[str]
) -> None:
    rehearsal = await rehearse(shard_urls, BODIES, NOW)
    claims = sum(rehearsal.claims)
    assert claims > 20
    assert await counts(filled) == (ALERTS, 0)
    await perform(shard_urls, rehearsal.scripts, at_once=1, unmeasured=1)
    assert await counts(filled) == (ALERTS, claims)
