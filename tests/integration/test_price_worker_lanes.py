"""A running price worker takes fares from both lanes, and believes better sources more."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.broker.broker import Broker
from shared.messages.batches import decode
from shared.messages.changes import CHANGES
from shared.topology import CHANGES_HISTORY, FARES, LIVE_FARES, Exchange
from tests.integration.conftest import Probe
from tests.integration.running_price_worker import fares, price_worker
from tests.private_servers import Servers


async def next_change(probe: Probe) -> dict[str, Any]:
    message = await probe.next(CHANGES_HISTORY.name)
    (change,) = decode(CHANGES, message.body, message.content_type).rows.to_pylist()
    return dict(change)


@pytest.mark.parametrize("lane", [LIVE_FARES, FARES], ids=lambda exchange: exchange.name)
async def test_a_fare_of_either_lane_is_compared(
    topology: Servers, broker: Broker, probe: Probe, lane: Exchange
) -> None:
    async with price_worker(topology):
        await broker.publish(fares(7, lane, source=lane.name, cabin="first" if lane is FARES else "business"))
        assert (await next_change(probe))["source"] == lane.name


async def test_a_worse_source_does_not_overwrite_a_better_one_within_the_window(
    topology: Servers, broker: Broker, probe: Probe
) -> None:
    now = datetime.now(UTC)

    def seen(price: int, source: str, minutes_ago: int) -> Any:  # noqa: ANN401  # what is published
        observed_at = now - timedelta(minutes=minutes_ago)
        return fares(1, price=price, source=source, observed_at=observed_at, departure_time=f"{now:%H:%M}")

    ranked = {"source_ranks": {"duffel": 1}, "source_window_minutes": 30, "concurrency": 1}
    async with price_worker(topology, **ranked):
        for message in (seen(9_000, "duffel", 50), seen(8_000, "scraped", 30), seen(7_000, "scraped", 10)):
            await broker.publish(message)
        assert [(await next_change(probe))["price"] for _ in range(2)] == [9_000, 7_000]
