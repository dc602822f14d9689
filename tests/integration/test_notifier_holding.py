"""What a traveller does not want now is held, comes back at its hour and is decided on anew."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import insert, update

from services.notifier.digest import Digest
from shared.deliveries import Done
from shared.schema.accounts import devices
from tests.integration.holding_world import DAILY, MORNING, QUIET, World, holding_world, ids
from tests.integration.notifying import NOW, deeper, expired, fired, handle, recorded, row, traveller
from tests.private_servers import Servers


@pytest.fixture
async def world(servers: Servers) -> AsyncIterator[World]:
    async with holding_world(servers) as world:
        yield world


async def test_what_comes_at_night_is_held_until_quiet_hours_are_over_and_then_told(world: World) -> None:
    notice = fired(await traveller(world.accounts, "phone", wishes=QUIET))
    assert await world.handle(notice) == [Done()]
    held = await row(world.accounts, notice)
    assert (held.state, held.reason, world.gateway.told) == ("held", "quiet_hours", [])
    assert timedelta(0) <= held.release_at - datetime(2026, 10, 2, 7, tzinfo=UTC) < timedelta(minutes=10)
    world.clock.now = held.release_at - timedelta(seconds=1)
    assert await world.released() == []
    world.clock.now = held.release_at
    assert await world.released() == [("standard", [notice.id])]
    assert await recorded(world.accounts, notice) == [("queued", "quiet_hours")]
    ages = REGISTRY.get_sample_value("farelark_observation_to_push_seconds_count")
    await world.come_back()
    assert world.gateway.told == [notice.id]
    sent = await row(world.accounts, notice)
    assert (sent.state, sent.reason, sent.sent_at) == ("sent", None, world.clock.now)
    assert REGISTRY.get_sample_value("farelark_observation_to_push_seconds_count") == ages


async def test_quiet_hours_are_those_of_the_device_last_seen_unless_the_traveller_says_where_they_are(
    world: World,
) -> None:
    """At 23:59 in London it is noon the next day in Auckland."""
    in_auckland = await traveller(world.accounts, "phone", wishes={"time_zone": "Pacific/Auckland", **QUIET})
    elsewhere = await traveller(world.accounts, "phone", wishes=QUIET)
    there = update(devices).where(devices.c.user_id == elsewhere).values(time_zone="Pacific/Auckland")
    left_in_london = {"id": uuid4(), "user_id": elsewhere, "token": f"{elsewhere}", "platform": "ios", "locale": "de"}
    long_ago = {"time_zone": "Europe/London", "last_seen_at": NOW - timedelta(days=300)}
    async with world.accounts.begin() as connection:
        await connection.execute(there)
        await connection.execute(insert(devices).values(left_in_london | long_ago))
    awake = [fired(in_auckland), fired(elsewhere)]
    assert await world.handle(*awake) == [Done()] * 2
    assert await recorded(world.accounts, *awake) == [("sent", None)] * 2


async def test_a_push_speaks_the_language_that_its_traveller_wishes_for(world: World) -> None:
    notice = fired(await traveller(world.accounts, "phone", wishes={"locale": "en"}))
    await world.handle(notice)
    assert [push.device.locale for push in world.gateway.pushes] == ["en"]


async def test_of_what_is_held_of_one_alert_only_the_deepest_low_is_told(world: World) -> None:
    first = fired(await traveller(world.accounts, "phone", wishes=QUIET))
    second = deeper(first, 8_000)
    await world.handle(first)
    await world.handle(second)
    world.clock.now = MORNING
    assert await world.released() == [("standard", ids(first, second))]
    await world.come_back()
    assert world.gateway.told == [second.id]
    assert await recorded(world.accounts, first, second) == [("suppressed", "superseded"), ("sent", None)]


async def test_a_deeper_low_within_the_cooldown_waits_for_its_end_and_is_not_swallowed(world: World) -> None:
    first = fired(await traveller(world.accounts, "phone"))
    second, third = deeper(first, 8_000), deeper(deeper(first, 8_000), 7_000)
    await world.handle(first)
    for notice in (second, third):
        world.clock.now += timedelta(minutes=1)
        assert await world.handle(notice) == [Done()]
    assert await recorded(world.accounts, first, second, third) == [("sent", None), *[("held", "cooldown")] * 2]
    assert (await row(world.accounts, third)).release_at == NOW + timedelta(minutes=15)
    world.clock.now = NOW + timedelta(minutes=15)
    assert await world.released() == [("standard", ids(second, third))]
    await world.come_back()
    assert world.gateway.told == [first.id, third.id]


async def test_a_firing_that_a_later_one_has_overtaken_is_not_told(world: World) -> None:
    late = fired(await traveller(world.accounts, "phone"))
    await world.handle(deeper(late, 8_000))
    world.clock.now += timedelta(hours=1)
    await world.handle(late)
    assert await recorded(world.accounts, late) == [("suppressed", "superseded")]


async def test_a_digest_tells_all_at_its_hour_in_one_push(world: World) -> None:
    user = await traveller(world.accounts, "phone", "tablet", wishes=DAILY)
    first, other = fired(user), fired(user)
    second = deeper(first, 8_000)
    ended = expired(user)
    assert await handle(world.notifier.handler(), first, other, ended, second) == [Done()] * 4
    assert world.gateway.told == [ended.id] * 2  # the end of an alert is no offer
    assert await recorded(world.accounts, first, other, second) == [("held", "digest")] * 3
    world.clock.now = MORNING
    assert await world.released() == [("digest", ids(first, other, second))]
    await world.come_back()
    digests = [push.told for push in world.gateway.pushes[2:]]
    assert len(digests) == 2
    for digest in digests:
        assert isinstance(digest, Digest)
        assert (digest.id, digest.user_id) == (second.id, user)
        assert [item.best.id for item in digest.items] == [second.id, other.id]
    for notice in (first, other, second):
        told = await row(world.accounts, notice)
        assert (told.state, told.told_with, told.sent_at) == ("sent", second.id, world.clock.now)


async def test_a_late_copy_does_not_put_off_what_waits_for_its_digest(world: World) -> None:
    notice = fired(await traveller(world.accounts, "phone", wishes=DAILY))
    await world.handle(notice)
    world.clock.now = MORNING
    assert await world.handle(notice) == [Done()]
    assert await world.released() == [("digest", [notice.id])]
    assert await world.handle(notice) == [Done()]
    await world.come_back()
    assert world.gateway.told == [notice.id]
