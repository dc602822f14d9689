"""How many pushes a traveller gets in an hour and a day, whatever the number of notifiers."""

import asyncio
from collections.abc import AsyncIterator
from datetime import time, timedelta

import pytest
from sqlalchemy import update

from shared.deliveries import Done
from shared.schema.accounts import preferences
from tests.integration.holding_world import MORNING, QUIET, World, holding_world
from tests.integration.notifying import FARE, NOW, fired, handle_messages, recorded, traveller
from tests.private_servers import Servers


@pytest.fixture
async def world(servers: Servers) -> AsyncIterator[World]:
    async with holding_world(servers) as world:
        yield world


async def test_a_digest_counts_as_one_push(world: World) -> None:
    user = await traveller(world.accounts, "phone", wishes={"digest_at": time(7), "most_per_day": 2})
    digested = [fired(user) for _ in range(5)]
    await world.handle(*digested)
    world.clock.now = MORNING
    await world.released()
    await world.come_back()
    async with world.accounts.begin() as connection:
        await connection.execute(update(preferences).where(preferences.c.user_id == user).values(digest_at=None))
    within, beyond = fired(user), fired(user)
    await world.handle(within)
    await world.handle(beyond)
    assert await recorded(world.accounts, *digested, within, beyond) == [
        *[("sent", None)] * 6,
        ("suppressed", "daily_cap"),
    ]


async def test_a_cap_is_not_passed_by_notifiers_at_work_side_by_side(world: World) -> None:
    user = await traveller(world.accounts, "phone", wishes={"most_per_hour": 1})
    notices = [fired(user) for _ in range(8)]
    outcomes = await asyncio.gather(*(world.handle(notice) for notice in notices))
    assert outcomes == [[Done()]] * 8
    assert len(world.gateway.told) == 1
    states = await recorded(world.accounts, *notices)
    assert sorted(states) == [("sent", None), *[("suppressed", "hourly_cap")] * 7]


async def test_what_is_being_sent_counts_against_the_cap(world: World) -> None:
    user = await traveller(world.accounts, "phone", wishes={"most_per_hour": 1})
    slow, late = fired(user), fired(user)
    world.gateway.open.clear()
    sending = asyncio.create_task(world.handle(slow))
    await world.gateway.entered.wait()
    assert await world.handle(late) == [Done()]
    world.gateway.open.set()
    assert await sending == [Done()]
    assert await recorded(world.accounts, slow, late) == [("sent", None), ("suppressed", "hourly_cap")]


async def test_an_hour_later_the_next_one_may_come(world: World) -> None:
    user = await traveller(world.accounts, "phone", wishes={"most_per_hour": 1, "most_per_day": 2})
    notices = [fired(user) for _ in range(4)]
    for notice, minutes in zip(notices, (0, 59, 61, 122), strict=True):
        world.clock.now = NOW + timedelta(minutes=minutes)
        await world.handle(notice)
    assert await recorded(world.accounts, *notices) == [
        ("sent", None),
        ("suppressed", "hourly_cap"),
        ("sent", None),
        ("suppressed", "daily_cap"),
    ]


async def test_one_message_may_hold_notices_of_many_travellers(world: World) -> None:
    sleeper, capped = (
        await traveller(world.accounts, "phone", wishes=QUIET),
        await traveller(world.accounts, "phone", wishes={"most_per_hour": 1}),
    )
    asleep, told, too_many = fired(sleeper), fired(capped), fired(capped, fare=FARE)
    assert await handle_messages(world.notifier.handler(), [told, asleep, too_many]) == [Done()]
    assert await recorded(world.accounts, asleep, told, too_many) == [
        ("held", "quiet_hours"),
        ("sent", None),
        ("suppressed", "hourly_cap"),
    ]
