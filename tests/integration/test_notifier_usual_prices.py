"""Pushes say how their fare compares with what its trip has cost lately, and never wait for that."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from services.notifier.usual_prices import UsualPrices
from shared.deliveries import Done
from shared.messages.notifications import Notification
from shared.schema.shards import shard_state
from shared.shard_map import bucket_of
from shared.shards import Shards
from shared.topology import Lane
from tests.integration.conftest import SHARDS
from tests.integration.fares_on_sale import DAY, NOW
from tests.integration.notifying import (
    FARE,
    Gatekeeper,
    Notifier,
    accounts,
    expired,
    fired,
    handle,
    traveller,
)
from tests.integration.past_prices import PastPrice, keep, keep_on

__all__ = ["accounts"]

LOWEST, USUAL = ". Der niedrigste Preis seit 14 Tagen.", ". Sonst meist 140,00\xa0€."
WEEK = timedelta(days=7)
FORTNIGHT = range(14)

# The trip of these tests cost 140 euros at the best for two weeks, but for the day on which it cost 90.
PAST = (
    *(PastPrice(14_000, days_ago, low=9_000 if days_ago == 5 else None) for days_ago in FORTNIGHT),
    *(PastPrice(14_000, days_ago, departure=DAY + WEEK) for days_ago in range(6)),
    *(PastPrice(7_000, days_ago, back=DAY + WEEK) for days_ago in FORTNIGHT),
    *(PastPrice(50_000, days_ago, cabin=2) for days_ago in FORTNIGHT),
    *(PastPrice(14_000, days_ago, route="BCN-BUD") for days_ago in FORTNIGHT),
)


@pytest.fixture
async def shards(shard_urls: list[str], shard_engines: list[AsyncEngine]) -> Shards:
    """All shards, with what the trips have cost."""
    for engine in shard_engines:
        async with engine.begin() as connection:
            await connection.execute(text("DELETE FROM price_history"))
    await keep(shard_urls, *PAST)
    shards = Shards(shard_engines)
    await shards.refresh()
    return shards


class World:
    """A notifier and one traveller, whose device speaks German."""

    def __init__(self, accounts: AsyncEngine, shards: Shards) -> None:
        self.gateway = Gatekeeper()
        self._accounts = accounts
        self._notifier = Notifier(accounts, self.gateway, usual_prices=UsualPrices(shards, lambda: NOW))

    async def firing(self, price: int = 9_500, route: str = "NYC-LON", **fare: object) -> Notification:
        """One of an alert of somebody's."""
        offered = msgspec.structs.replace(FARE, **{"departure_date": DAY, "price": price} | fare)
        notice = fired(await traveller(self._accounts, "phone"), fare=offered, route=route)
        return msgspec.structs.replace(notice, reference_price=price, previous_price=None)

    async def told(self, *firings: Notification, lane: Lane = Lane.STANDARD) -> list[str]:
        """What follows the facts of the fares in the pushes of these firings."""
        self.gateway.pushes.clear()
        assert await handle(self._notifier.handler(lane), *firings) == [Done()] * len(firings)
        bodies = {push.told.id: push.text.body for push in self.gateway.pushes}
        return [bodies[firing.id].partition("nonstop")[2] for firing in firings]


@pytest.fixture
def world(accounts: AsyncEngine, shards: Shards) -> World:
    return World(accounts, shards)


async def test_a_push_says_what_its_trip_usually_costs_or_that_it_never_cost_less(world: World) -> None:
    """In one batch, over several shards; of dear fares and of little known trips nothing is said."""
    expected = [
        (await world.firing(9_500), USUAL),
        (await world.firing(14_000), USUAL),
        (await world.firing(9_000), LOWEST),
        (await world.firing(9_500), USUAL),
        (await world.firing(14_001), "."),
        (await world.firing(9_500, departure_date=DAY + WEEK), "."),
        (await world.firing(9_500, departure_date=DAY + 2 * WEEK), "."),
        (await world.firing(13_999, route="BCN-BUD"), LOWEST),
        (await world.firing(13_999, route="NYC-ROM"), "."),
    ]
    assert await world.told(*(firing for firing, _ in expected)) == [comparison for _, comparison in expected]


@pytest.mark.parametrize(("price", "comparison"), [(7_000, LOWEST), (7_001, ".")])
async def test_a_round_trip_is_compared_with_its_like(world: World, price: int, comparison: str) -> None:
    assert await world.told(await world.firing(price, return_date=DAY + WEEK)) == [comparison]


async def test_a_better_cabin_is_compared_with_its_like(world: World) -> None:
    assert await world.told(await world.firing(50_000, cabin="business")) == [f", Business Class{LOWEST}"]


async def test_a_digest_goes_without(world: World) -> None:
    assert await world.told(await world.firing(), lane=Lane.DIGEST) == ["."]


async def test_the_end_of_an_alert_is_told_as_ever(accounts: AsyncEngine, shards: Shards) -> None:
    gateway = Gatekeeper()
    handler = Notifier(accounts, gateway, usual_prices=UsualPrices(shards, lambda: NOW)).handler()
    assert await handle(handler, expired(await traveller(accounts, "phone"))) == [Done()]
    assert gateway.calls == 1


@asynccontextmanager
async def locked(shards: Shards) -> AsyncIterator[None]:
    """While nobody can read the history of any shard."""
    connections = [await engine.connect() for engine in shards.engines]
    for connection in connections:
        await connection.execute(text("LOCK TABLE price_history"))
    yield
    for connection in connections:
        await connection.close()


async def test_a_history_that_does_not_answer_costs_a_push_its_comparison_alone(
    world: World, shards: Shards, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.notifier.usual_prices._PATIENCE_S", 0.05)
    async with locked(shards):
        assert await world.told(await world.firing()) == ["."]
    monkeypatch.undo()
    assert await world.told(await world.firing()) == [USUAL]


async def test_a_route_that_is_being_moved_costs_a_push_its_comparison_alone(
    world: World, shards: Shards, shard_urls: list[str]
) -> None:
    """The notifier learns on the way where it is now."""
    elsewhere = (shards.map.shard_of("NYC-LON") + 1) % len(SHARDS)
    moved = shards.map.moved(bucket_of("NYC-LON"), elsewhere)
    for engine in shards.engines:
        async with engine.begin() as connection:
            await connection.execute(update(shard_state).values(map_version=moved.version, shards=list(moved.shards)))
    await keep_on(shard_urls[elsewhere], *(price for price in PAST if price.route == "NYC-LON"))
    assert await world.told(await world.firing()) == ["."]
    assert await world.told(await world.firing()) == [USUAL]
