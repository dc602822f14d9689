"""What failed for now comes again when it may, to the devices that do not have it, and not for longer than an hour."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import pytest
from prometheus_client import REGISTRY
from sqlalchemy.ext.asyncio import AsyncEngine

from services.notifier.gateway import Outcome, Push, Verdict
from shared.deliveries import DeadLetter, Done, Several, Wait
from shared.errors import UnavailableError
from shared.messages.notifications import JSON, encode
from shared.topology import Lane
from tests.integration.notifying import (
    FREELY,
    NOW,
    SENT,
    Clock,
    Gatekeeper,
    Notifier,
    fired,
    handle,
    handle_messages,
    migrated_accounts,
    recorded,
    row,
    traveller,
)
from tests.private_servers import Servers

BUSY = Outcome(Verdict.TRANSIENT, "quota_exceeded", retry_after=60)
BROKEN = Outcome(Verdict.TRANSIENT, "server_error")
BUG = Outcome(Verdict.FAILED, "invalid_argument")
DEAD = Outcome(Verdict.RETIRE, "unregistered")
HELD = Outcome(Verdict.UNTRIED, "third_party_auth", retry_after=60)
AWAY = Outcome(Verdict.UNTRIED, "circuit_open")
REFUSED = Outcome(Verdict.REFUSED, "unauthenticated")
HOUR = timedelta(minutes=60)


class Phones(Gatekeeper):
    """A gateway that answers by device, as the beginning of its address says."""

    def __init__(self, **answers: Outcome) -> None:
        super().__init__()
        self.answers = answers

    @property
    def rung(self) -> list[str]:
        """The devices that were tried since this was last asked."""
        rung = [name_of(push) for push in self.pushes]
        self.pushes.clear()
        return sorted(rung)

    async def send(self, pushes: Sequence[Push]) -> Sequence[Outcome]:
        self.pushes += pushes
        return [self.answers.get(name_of(push), SENT) for push in pushes]


def name_of(push: Push) -> str:
    return push.device.address.split("-")[0]


class World:
    """A notifier with phones, at an instant that tests move on."""

    def __init__(self, accounts: AsyncEngine) -> None:
        self.accounts = accounts
        self.phones = Phones()
        self.clock = Clock(NOW)
        self.notifier = Notifier(accounts, self.phones, self.clock, rules=FREELY)
        self.handler = self.notifier.handler()


@pytest.fixture
async def world(servers: Servers) -> AsyncIterator[World]:
    async with migrated_accounts(servers) as accounts:
        yield World(accounts)


async def test_only_the_devices_that_do_not_have_it_get_it_again(world: World) -> None:
    notice = fired(await traveller(world.accounts, "phone", "tablet"))
    world.phones.answers = {"tablet": BUSY}
    assert await handle(world.handler, notice) == [Wait("quota_exceeded", 60)]
    waiting = await row(world.accounts, notice)
    assert (waiting.state, waiting.reason, waiting.tries) == ("queued", "quota_exceeded", 1)
    assert (waiting.first_tried_at, waiting.retry_at) == (NOW, NOW + timedelta(seconds=60))
    assert [push.device.id for push in world.phones.pushes if name_of(push) == "phone"] == waiting.reached
    assert world.phones.rung == ["phone", "tablet"]
    world.phones.answers = {}
    world.clock.now = waiting.retry_at
    assert await handle(world.handler, notice) == [Done()]
    assert world.phones.rung == ["tablet"]
    sent = await row(world.accounts, notice)
    assert (sent.state, sent.reason, len(sent.reached), sent.retry_at) == ("sent", None, 2, None)


async def test_what_comes_before_its_time_waits_for_the_rest_of_it(world: World) -> None:
    notice = fired(await traveller(world.accounts, "phone"))
    world.phones.answers = {"phone": BUSY}
    await handle(world.handler, notice)
    world.clock.now += timedelta(seconds=20)
    assert await handle(world.handler, notice) == [Wait("quota_exceeded", 40)]
    assert world.phones.rung == ["phone"]


async def test_without_a_word_from_the_gateway_the_waits_double(world: World) -> None:
    notice = fired(await traveller(world.accounts, "phone"))
    world.phones.answers = {"phone": BROKEN}
    for least in (10, 20, 40):
        (wait,) = await handle(world.handler, notice)
        assert isinstance(wait, Wait)
        assert wait.reason == "server_error"
        assert least <= wait.seconds <= least * 1.5
        world.clock.now += timedelta(seconds=wait.seconds)


async def test_after_an_hour_it_fails_with_its_reason_and_lies_among_the_dead_letters(world: World) -> None:
    notice, well = fired(await traveller(world.accounts, "phone")), fired(await traveller(world.accounts, "watch"))
    world.phones.answers = {"phone": BROKEN}
    tries = 1
    (settlement,) = await handle_messages(world.handler, [well, notice])
    while isinstance(settlement, Wait):
        world.clock.now += timedelta(seconds=settlement.seconds)
        assert world.clock.now <= NOW + HOUR
        tries += 1
        (settlement,) = await handle(world.handler, notice)
    assert settlement == DeadLetter("server_error")
    assert world.clock.now == NOW + HOUR
    given_up = await row(world.accounts, notice)
    assert (given_up.state, given_up.reason, given_up.tries) == ("failed", "server_error", tries)
    assert world.phones.rung == ["phone"] * tries + ["watch"]


async def test_a_dead_letter_that_is_replayed_is_tried_for_another_hour(world: World) -> None:
    notice = fired(await traveller(world.accounts, "phone"))
    world.phones.answers = {"phone": BROKEN}
    await handle(world.handler, notice)
    world.clock.now = NOW + HOUR
    assert await handle(world.handler, notice) == [DeadLetter("server_error")]
    world.clock.now += timedelta(days=1)
    (again,) = await handle(world.handler, notice)
    assert isinstance(again, Wait)
    replayed = await row(world.accounts, notice)
    assert (replayed.tries, replayed.first_tried_at) == (1, world.clock.now)


async def test_a_replay_tells_those_who_were_not_told_and_nobody_twice(world: World) -> None:
    told, failed = fired(await traveller(world.accounts, "watch")), fired(await traveller(world.accounts, "phone"))
    world.phones.answers = {"phone": BUG}
    assert await handle_messages(world.handler, [told, failed]) == [
        DeadLetter("invalid_argument", encode([failed]), JSON)
    ]
    assert await recorded(world.accounts, told, failed) == [("sent", None), ("failed", "invalid_argument")]
    assert world.phones.rung == ["phone", "watch"]
    world.phones.answers = {}
    assert await handle_messages(world.handler, [told, failed], [failed]) == [Done(), Done()]
    assert world.phones.rung == ["phone"]
    assert await handle(world.handler, failed) == [Done()]
    assert world.phones.rung == []
    assert await recorded(world.accounts, told, failed) == [("sent", None)] * 2


async def test_a_traveller_whose_devices_are_all_dead_is_no_dead_letter_and_no_replay_changes_that(
    world: World,
) -> None:
    user = await traveller(world.accounts, "phone")
    notice = fired(user)
    world.phones.answers = {"phone": DEAD}
    labels = {"reason": "unregistered"}
    before = REGISTRY.get_sample_value("farelark_devices_retired_total", labels) or 0
    assert await handle(world.handler, notice) == [Done()]
    assert await handle(world.handler, notice) == [Done()]
    assert world.phones.rung == ["phone"]
    assert await recorded(world.accounts, notice) == [("failed", "unregistered")]
    assert REGISTRY.get_sample_value("farelark_devices_retired_total", labels) == before + 1


async def test_what_one_device_has_is_sent_though_another_proves_dead_or_is_given_up(world: World) -> None:
    notices = [fired(await traveller(world.accounts, "phone", "tablet")) for _ in range(2)]
    world.phones.answers = {"tablet": BROKEN}
    await handle(world.handler, *notices)
    world.clock.now = NOW + HOUR
    assert await handle(world.handler, notices[0]) == [Done()]
    world.phones.answers = {"tablet": DEAD}
    assert await handle(world.handler, notices[1]) == [Done()]
    assert await recorded(world.accounts, *notices) == [("sent", None)] * 2


async def test_a_platform_that_is_held_up_waits_without_losing_a_try_and_the_others_go_on(world: World) -> None:
    notice = fired(await traveller(world.accounts, "phone", "tablet"))
    world.phones.answers = {"tablet": HELD}
    for _ in range(3):
        assert await handle(world.handler, notice) == [Wait("third_party_auth", 60)]
        world.clock.now += HOUR
    waiting = await row(world.accounts, notice)
    assert (waiting.state, waiting.tries) == ("queued", 0)
    assert world.phones.rung == ["phone", *["tablet"] * 3]
    world.phones.answers = {}
    assert await handle(world.handler, notice) == [Done()]


@pytest.mark.parametrize("outcome", [AWAY, REFUSED])
async def test_a_gateway_that_lets_nothing_through_keeps_the_batch_in_hand_and_loses_no_try(
    world: World, outcome: Outcome
) -> None:
    well, stopped = fired(await traveller(world.accounts, "watch")), fired(await traveller(world.accounts, "phone"))
    world.phones.answers = {"phone": outcome}
    for _ in range(2):
        with pytest.raises(UnavailableError, match=outcome.reason):
            await handle(world.handler, well, stopped)
    assert world.phones.rung == ["phone", "phone", "watch"]
    assert await recorded(world.accounts, well, stopped) == [("sent", None), ("queued", outcome.reason)]
    assert (await row(world.accounts, stopped)).tries == 0
    world.phones.answers = {}
    assert await handle(world.handler, well, stopped) == [Done(), Done()]


async def test_what_ends_in_different_ways_is_settled_in_parts(world: World) -> None:
    busy, bug, well = [fired(await traveller(world.accounts, name)) for name in ("phone", "tablet", "watch")]
    world.phones.answers = {"phone": BUSY, "tablet": BUG}
    assert await handle_messages(world.handler, [busy, bug, well]) == [
        Several(
            (
                Wait("quota_exceeded", 60, encode([busy]), JSON),
                DeadLetter("invalid_argument", encode([bug]), JSON),
            )
        )
    ]


async def test_a_digest_that_failed_for_now_comes_again_as_the_same_digest_where_it_is_missing(world: World) -> None:
    user = await traveller(world.accounts, "phone", "tablet")
    notices = [fired(user) for _ in range(3)]
    digests = world.notifier.handler(Lane.DIGEST)
    world.phones.answers = {"tablet": BUSY}
    assert await handle_messages(digests, notices) == [Wait("quota_exceeded", 60)]
    (first,) = {push.told for push in world.phones.pushes}
    assert world.phones.rung == ["phone", "tablet"]
    world.phones.answers = {}
    world.clock.now += timedelta(seconds=60)
    assert await handle_messages(digests, notices) == [Done()]
    assert [push.told for push in world.phones.pushes] == [first]
    assert world.phones.rung == ["tablet"]
    assert {(await row(world.accounts, notice)).told_with for notice in notices} == {first.id}


async def test_how_old_the_news_was_is_counted_where_it_did_not_wait_for_its_hour(world: World) -> None:
    def count() -> float:
        return REGISTRY.get_sample_value("farelark_observation_to_push_seconds_count") or 0

    before = count()
    world.clock.now = NOW + timedelta(seconds=7)
    total = REGISTRY.get_sample_value("farelark_observation_to_push_seconds_sum") or 0
    await handle(world.handler, fired(await traveller(world.accounts, "phone")))
    assert count() == before + 1
    assert REGISTRY.get_sample_value("farelark_observation_to_push_seconds_sum") == total + 7
