"""How old the prices in work are: messages grow older until they are done, also while they wait for a server."""

from itertools import count

import pytest
from prometheus_client import REGISTRY

from shared.deliveries import Context, Delivery, Done, Retry, Settlement
from shared.errors import UnavailableError
from shared.price_ages import PricesInWork, prices_in_work
from shared.topology import WorkQueue
from tests.unit.consuming import QUEUE, consuming, each

NOW = 1_800_000_000.0
_numbers = count()


class Clock:
    """Tells the instant that a test has come to, in seconds since 1970."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


class Ages:
    """A queue's prices in work, and what metrics say of them."""

    def __init__(self) -> None:
        self.queue = WorkQueue(f"ages.{next(_numbers)}", prefetch=1)
        self.clock = Clock()
        self.prices = PricesInWork(self.queue, self.clock)

    @property
    def oldest(self) -> float | None:
        return sample("farelark_oldest_price_age_seconds", self.queue)

    @property
    def when_done(self) -> tuple[float | None, float | None]:
        """How many messages were done, and the sum of their ages."""
        name = "farelark_observation_age_seconds"
        return sample(f"{name}_count", self.queue), sample(f"{name}_sum", self.queue)


def sample(name: str, queue: WorkQueue) -> float | None:
    return REGISTRY.get_sample_value(name, {"queue": queue.name})


def message() -> Delivery:
    return Delivery(b"fares", None, Context(), None, Unused())


class Unused:
    """An acknowledger that nobody asks."""

    lost = False

    async def ack(self) -> None:
        raise AssertionError

    async def hand_back(self) -> None:
        raise AssertionError


@pytest.fixture
def ages() -> Ages:
    return Ages()


def test_with_nothing_in_work_the_age_is_0(ages: Ages) -> None:
    assert ages.oldest == 0


def test_the_oldest_observation_counts_and_grows_older(ages: Ages) -> None:
    first, second = message(), message()
    ages.prices.entered(first, NOW - 5)
    ages.prices.entered(second, NOW - 30)
    ages.prices.entered(second, NOW - 7)
    assert ages.oldest == 30
    ages.clock.now += 4
    assert ages.oldest == 34


def test_equal_messages_are_two(ages: Ages) -> None:
    first, second = message(), message()
    assert first.body == second.body
    ages.prices.entered(first, NOW - 5)
    ages.prices.entered(second, NOW - 5)
    ages.prices.done(first)
    assert ages.oldest == 5


def test_the_age_of_a_message_is_noted_once_when_it_is_done(ages: Ages) -> None:
    done = message()
    ages.prices.entered(done, NOW - 5)
    ages.clock.now += 2
    ages.prices.done(done)
    ages.prices.done(done)
    assert (ages.oldest, ages.when_done) == (0, (1, 7))


def test_a_message_without_a_price_has_no_age(ages: Ages) -> None:
    empty = message()
    ages.prices.entered(empty, None)
    ages.prices.done(empty)
    assert (ages.oldest, ages.when_done) == (0, (0, 0))


def test_an_observer_whose_clock_is_ahead_makes_no_negative_age(ages: Ages) -> None:
    early = message()
    ages.prices.entered(early, NOW + 60)
    assert ages.oldest == 0


def test_a_message_that_left_otherwise_is_not_in_work_and_was_not_done(ages: Ages) -> None:
    handed_back = message()
    ages.prices.entered(handed_back, NOW - 5)
    ages.prices.left([handed_back])
    assert (ages.oldest, ages.when_done) == (0, (0, 0))


async def test_a_message_stays_in_work_while_it_waits_for_a_server() -> None:
    ages_seen = []

    async def act(delivery: Delivery) -> Settlement:
        ages_seen.append(sample("farelark_oldest_price_age_seconds", QUEUE))
        prices_in_work(QUEUE).entered(delivery, 0)
        if len(ages_seen) == 1:
            raise UnavailableError("redis", "for a moment")
        return Done()

    before = sample("farelark_observation_age_seconds_count", QUEUE) or 0
    async with consuming(each(act)) as bench:
        await bench.settled(b"fares")
    assert ages_seen[0] == 0
    assert ages_seen[1]
    assert sample("farelark_oldest_price_age_seconds", QUEUE) == 0
    assert sample("farelark_observation_age_seconds_count", QUEUE) == before + 1


async def test_a_message_that_is_tried_again_later_is_not_done() -> None:
    async def act(delivery: Delivery) -> Settlement:
        prices_in_work(QUEUE).entered(delivery, 0)
        return Retry("not_yet")

    before = sample("farelark_observation_age_seconds_count", QUEUE) or 0
    async with consuming(each(act)) as bench:
        await bench.settled(b"fares")
    assert sample("farelark_oldest_price_age_seconds", QUEUE) == 0
    assert (sample("farelark_observation_age_seconds_count", QUEUE) or 0) == before
