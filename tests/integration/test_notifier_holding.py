"""What is held comes back at its hour and is decided on anew; caps and cooldowns hold among any number of notifiers."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, time, timedelta
from itertools import chain
from uuid import UUID, uuid4

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from services.notifier.deciding.policy import Rules
from services.notifier.digest import Digest
from shared.deliveries import Done, Settlement
from shared.errors import UnavailableError
from shared.failpoints import Failpoints
from shared.fakes import FakeBroker
from shared.messages.notifications import MAX_NOTICES, Notice, Notification, decode
from shared.schema.accounts import devices, notifications, preferences, users
from shared.topology import NOTIFICATIONS, Lane
from tests.integration.crashing import CrashError, Crashing
from tests.integration.notifying import (
    FARE,
    NOW,
    Clock,
    Gatekeeper,
    Notifier,
    deeper,
    delivery,
    expired,
    fired,
    handle,
    handle_messages,
    migrated_accounts,
    recorded,
    row,
    traveller,
)
from tests.private_servers import Servers

CAREFULLY = Rules(cooldown=timedelta(minutes=15))
MORNING = datetime(2026, 10, 2, 7, 30, tzinfo=UTC)
QUIET = {"quiet_from": time(22), "quiet_to": time(7)}
DAILY = {"digest_at": time(7)}


class World:
    """A notifier that keeps to the rules, at an instant that tests move on."""

    def __init__(self, accounts: AsyncEngine) -> None:
        self.accounts = accounts
        self.gateway = Gatekeeper()
        self.clock = Clock(NOW)
        self.broker = FakeBroker()
        self.failpoints = Failpoints(None)

    @property
    def notifier(self) -> Notifier:
        return Notifier(
            self.accounts,
            self.gateway,
            self.clock,
            broker=self.broker,
            rules=CAREFULLY,
            failpoints=self.failpoints,
        )

    async def handle(self, *notices: Notification, lane: Lane = Lane.STANDARD) -> Sequence[Settlement]:
        return await handle(self.notifier.handler(lane), *notices)

    async def released(self) -> list[tuple[str, list[UUID]]]:
        """Release what is due; gives the lane and the notifications of each message."""
        self.broker.published.clear()
        await self.notifier.releases.release()
        assert {message.exchange for message in self.broker.published} <= {NOTIFICATIONS.name}
        return [
            (message.routing_key, ids(*decode(message.body, message.content_type).notices))
            for message in self.broker.published
        ]

    async def come_back(self) -> None:
        """Let what was released last be handled in its lanes."""
        for message in self.broker.published:
            lane = Lane(message.routing_key)
            assert await self.notifier.handler(lane).handle([delivery(message.body)]) == [Done()]


def ids(*notices: Notice) -> list[UUID]:
    return sorted(notice.id for notice in notices)


@pytest.fixture
async def world(servers: Servers) -> AsyncIterator[World]:
    async with migrated_accounts(servers) as accounts:
        async with accounts.begin() as connection:  # what other tests have left held would be released here
            await connection.execute(delete(notifications).where(notifications.c.state == "held"))
        yield World(accounts)


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


async def test_a_late_copy_does_not_put_off_what_waits_for_its_digest(world: World) -> None:
    notice = fired(await traveller(world.accounts, "phone", wishes=DAILY))
    await world.handle(notice)
    world.clock.now = MORNING
    assert await world.handle(notice) == [Done()]
    assert await world.released() == [("digest", [notice.id])]
    assert await world.handle(notice) == [Done()]
    await world.come_back()
    assert world.gateway.told == [notice.id]


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
