"""What is due is released once, whole and together, by any number of notifiers and whatever ends one of them."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import chain

import pytest
from sqlalchemy import select, update

from shared.deliveries import Done
from shared.errors import UnavailableError
from shared.failpoints import Failpoints
from shared.messages.notifications import MAX_NOTICES, decode
from shared.schema.accounts import users
from tests.integration.crashing import CrashError, Crashing
from tests.integration.holding_world import DAILY, MORNING, QUIET, World, holding_world, ids
from tests.integration.notifying import NOW, delivery, expired, fired, handle, recorded, traveller
from tests.private_servers import Servers


@pytest.fixture
async def world(servers: Servers) -> AsyncIterator[World]:
    async with holding_world(servers) as world:
        yield world


async def test_each_travellers_are_released_together_and_nobody_elses_with_them(world: World) -> None:
    night_owl = await traveller(world.accounts, "phone", wishes=QUIET)
    both = await traveller(world.accounts, "phone", wishes={**QUIET, **DAILY})
    nightly, daily, ended, also_daily = fired(night_owl), fired(both), expired(both), fired(both)
    for notice in (nightly, daily, ended, also_daily):
        await handle(world.notifier.handler(), notice)
        world.clock.now += timedelta(seconds=1)
    world.clock.now = MORNING
    assert sorted(await world.released()) == sorted(
        [("standard", ids(nightly)), ("digest", ids(daily, also_daily)), ("standard", ids(ended))]
    )


async def test_what_fills_no_one_message_comes_in_several(world: World) -> None:
    user = await traveller(world.accounts, "phone", wishes=QUIET)
    notices = [fired(user) for _ in range(MAX_NOTICES + 1)]
    await world.handle(*notices)
    world.clock.now = MORNING
    (first_lane, first), (second_lane, second) = await world.released()
    assert (first_lane, second_lane, len(first), len(second)) == ("standard", "standard", MAX_NOTICES, 1)
    assert sorted(first + second) == ids(*notices)


async def test_a_crash_between_publishing_and_writing_releases_once_more_and_tells_once(world: World) -> None:
    notice = fired(await traveller(world.accounts, "phone", wishes=QUIET))
    await world.handle(notice)
    world.clock.now = MORNING
    world.failpoints = Crashing("notifier.released")
    with pytest.raises(CrashError):
        await world.notifier.releases.release()
    assert await recorded(world.accounts, notice) == [("held", "quiet_hours")]
    world.failpoints = Failpoints(None)
    twice = [*world.broker.published]
    assert await world.released() == [("standard", [notice.id])]
    twice += world.broker.published
    for message in twice:
        assert await world.notifier.handler().handle([delivery(message.body)]) == [Done()]
    assert world.gateway.told == [notice.id]


async def test_what_the_broker_has_not_confirmed_stays_held(world: World) -> None:
    notice = fired(await traveller(world.accounts, "phone", wishes=QUIET))
    await world.handle(notice)
    world.clock.now = MORNING
    world.broker.there = False
    with pytest.raises(UnavailableError, match="rabbitmq"):
        await world.notifier.releases.release()
    assert await recorded(world.accounts, notice) == [("held", "quiet_hours")]


async def test_many_notifiers_release_each_notification_once(world: World) -> None:
    notices = [fired(await traveller(world.accounts, "phone", wishes=QUIET)) for _ in range(20)]
    await world.handle(*notices)
    world.clock.now = MORNING
    await asyncio.gather(*(world.notifier.releases.release() for _ in range(4)))
    released = [decode(message.body, message.content_type).notices for message in world.broker.published]
    assert ids(*chain(*released)) == ids(*notices)


async def test_what_is_due_of_a_traveller_in_hand_is_left_to_the_next_round(world: World) -> None:
    user = await traveller(world.accounts, "phone", wishes=QUIET)
    notice = fired(user)
    await world.handle(notice)
    world.clock.now = MORNING
    async with world.accounts.begin() as connection:
        await connection.execute(select(users.c.id).where(users.c.id == user).with_for_update(key_share=True))
        assert await world.released() == []
    assert await world.released() == [("standard", [notice.id])]


async def test_what_was_held_of_a_traveller_who_left_is_told_to_nobody(world: World) -> None:
    user = await traveller(world.accounts, "phone", wishes=QUIET)
    notice = fired(user)
    await world.handle(notice)
    world.clock.now = MORNING
    await world.released()
    async with world.accounts.begin() as connection:
        mark = update(users).where(users.c.id == user)
        await connection.execute(mark.values(deleting_at=NOW, email=None, password_hash=None))
    await world.come_back()
    assert world.gateway.told == []
