"""Sequences that once led an alert astray, most of them found by the stateful test; each compared with the model."""

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

from shared.money import Rates
from shared.topology import NOTIFICATIONS
from tests.integration.alert_world import BOARDS, DAYS, LIFETIME, OFFERS, Sighting, Wish
from tests.integration.at_rest import settle
from tests.integration.board_model import Fare
from tests.integration.driven_messages import Message
from tests.integration.fleet_servers import FIRST_RATES_DATE
from tests.integration.side_by_side import SideBySide
from tests.integration.stateful_world import World, world

__all__ = ["world"]

WISH = Wish(
    destination="LON",
    departure_from=DAYS[0],
    departure_to=DAYS[-1],
    kind="target",
    target=9_500,
    currency="EUR",
    improvement=2,
    rearm="recovery",
)
FARE: Fare = (BOARDS[1], OFFERS[0])
OTHER: Fare = (BOARDS[2], OFFERS[0])


async def published(both: SideBySide, *prices: tuple[Fare, int]) -> list[Message]:
    """What a price worker publishes of these prices."""
    both.tick()
    both.publish([Sighting(*fare, price, timedelta()) for fare, price in prices])
    before = both.queued[:-1]
    await both.deliver(both.queued[-1])
    return [message for message in both.queued if message not in before]


async def waiting(both: SideBySide, wish: Wish = WISH) -> None:
    """An alert that has not fired, with two fares above its price."""
    await both.make(wish)
    await published(both, (FARE, 10_000), (OTHER, 10_000))
    await settle(both)


def test_a_deeper_low_is_not_missed_because_the_watched_fare_stands_still(world: World) -> None:
    """Its changes come in the wrong order: the second fall came from below the armed price of then."""
    both = world.begin()

    async def sequence() -> None:
        await waiting(both)
        first, second = await published(both, (OTHER, 9_400)), await published(both, (OTHER, 8_000))
        fired = await published(both, (FARE, 9_000))
        for message in (*second, *fired, *first):
            await both.deliver(message)
        await settle(both)

    world.do(sequence())


def test_what_is_claimed_is_told_also_where_a_crash_had_told_of_another_fare(world: World) -> None:
    """A claim that was rolled back after its notification had gone out leaves its number to another one."""
    both = world.begin()

    async def sequence() -> None:
        await waiting(both)
        (first,) = await published(both, (FARE, 9_000))
        (second,) = await published(both, (OTHER, 8_000))
        await both.deliver(first, "alert_worker.notifications_confirmed")
        (told,) = (message for message in both.queued if message.queue == NOTIFICATIONS.name)
        await both.deliver(told)
        await both.deliver(second)
        await settle(both)

    world.do(sequence())


def test_a_firing_is_not_undone_by_what_a_rolled_back_one_of_its_number_came_to(world: World) -> None:
    """The fare of the claim that was rolled back has gone when its notification is vetted; the other's has not."""
    both = world.begin()

    async def sequence() -> None:
        await waiting(both)
        (first,) = await published(both, (FARE, 9_000))
        (second,) = await published(both, (OTHER, 8_000))
        await both.deliver(first, "alert_worker.notifications_confirmed")
        (rolled_back,) = (message for message in both.queued if message.queue == NOTIFICATIONS.name)
        await both.deliver(second)
        (claimed,) = (
            message for message in both.queued if message.queue == NOTIFICATIONS.name and message != rolled_back
        )
        await both.deliver(claimed)
        await published(both, (FARE, 12_000))
        await both.deliver(rolled_back)
        await settle(both)
        assert both.fleet.phones.prices == [8_000]

    world.do(sequence())


def test_an_alert_recovers_when_the_fare_that_fired_is_never_seen_again(world: World) -> None:
    both = world.begin()

    async def sequence() -> None:
        await waiting(both)
        await published(both, (FARE, 9_000))
        await settle(both)
        for _ in range(2):
            both.tick(timedelta(days=3))
            await published(both, (OTHER, 10_000))
            await settle(both)
        await published(both, (OTHER, 9_200))
        await settle(both)
        assert both.fleet.phones.prices == [9_000, 9_200]

    world.do(sequence())


def test_after_a_flush_nobody_is_told_again_of_what_they_know(world: World) -> None:
    """Until the fare that fired is seen again the boards say nothing of it."""
    both = world.begin()

    async def sequence() -> None:
        await waiting(both)
        await published(both, (FARE, 9_000))
        await both.deliver_all()
        await both.flush()
        await published(both, (OTHER, 10_000))
        await settle(both)
        await published(both, (FARE, 9_000))
        await settle(both)
        assert both.fleet.phones.prices == [9_000]

    world.do(sequence())


def test_a_firing_that_is_undone_after_rates_have_moved_leaves_the_alert_at_its_target(world: World) -> None:
    both = world.begin()

    async def sequence() -> None:
        await waiting(both, replace(WISH, currency="USD"))
        (fallen,) = await published(both, (FARE, 9_000))
        await both.deliver(fallen)
        (told,) = (message for message in both.queued if message.queue == NOTIFICATIONS.name)
        await published(both, (FARE, 12_000))
        await both.deliver(told)
        per_euro = {"EUR": Fraction(1), "USD": Fraction(10, 9), "JPY": Fraction(100)}
        factors = {"EUR": (1, 1), "USD": (9, 10), "JPY": (1, 1)}
        await both.load(per_euro, Rates(FIRST_RATES_DATE + timedelta(days=1), "EUR", factors), heard=True)
        await settle(both)

    world.do(sequence())


def test_an_alert_is_not_armed_again_by_a_sighting_older_than_what_fired_it(world: World) -> None:
    """Of two price workers the one with the newer sighting has published it, and the other is first to write."""
    both = world.begin()

    async def sequence() -> None:
        await both.make(WISH)
        await settle(both)
        both.publish([Sighting(*FARE, 10_000, timedelta())])
        both.tick()
        both.publish([Sighting(*FARE, 8_900, timedelta())])
        older, newer = both.queued
        await both.hold(newer)
        await both.deliver(older)
        await both.deliver_all()
        await both.let_go()
        await settle(both)
        assert both.fleet.phones.prices == [8_900]

    world.do(sequence())


def test_an_alert_recovers_though_its_price_worker_is_slow_to_write_the_board(world: World) -> None:
    """The evaluation is given up as behind, and less than a minute later the board shows the rise."""
    both = world.begin()

    async def sequence() -> None:
        await waiting(both)
        await published(both, (FARE, 9_000))
        await settle(both)
        both.publish([Sighting(*FARE, 10_000, timedelta())])
        await both.hold(both.queued[0])
        await both.deliver_all()
        both.tick()
        await both.let_go()
        await settle(both)

    world.do(sequence())


def test_an_end_that_was_told_of_but_not_written_is_told_of_once_though_it_is_noticed_again_weeks_later(
    world: World,
) -> None:
    both = world.begin()

    async def sequence() -> None:
        await both.make(WISH)
        both.tick(WISH.departure_to + timedelta(days=2) - both.now.date())
        await both.expire("alert_worker.expiries_confirmed")
        await both.deliver_all()
        both.tick(LIFETIME)
        await both.expire()
        await settle(both)
        assert len(both.fleet.phones.pushes) == 1

    world.do(sequence())
