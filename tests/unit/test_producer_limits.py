"""How many fares a producer may send: by a clock that the test moves, over allowances in memory."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.ingest_gateway.producers.limits import FareLimits, LimitReachedError, RequestOverLimitError
from services.ingest_gateway.producers.minute import Grant, SlidingMinute
from services.ingest_gateway.producers.producer import Producer
from shared.errors import UnavailableError
from shared.fare_lanes import Lane
from tests.hand_moved_clock import Clock

MINUTE_S = 60


class InMemory:
    """Allowances that several gateways share, and that can be away."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._minutes: defaultdict[str, SlidingMinute] = defaultdict(SlidingMinute)
        self.asked = 0
        self.away = False

    async def grant(self, key_id: str, limit: int, least: int, most: int) -> Grant:
        self.asked += 1
        await asyncio.sleep(0)
        if self.away:
            raise UnavailableError("redis")
        return self._minutes[key_id].grant(limit, least, most, int(self._clock()))

    async def close(self) -> None:
        """Nothing is open."""


def producer(limit: int, key_id: str = "abcdefghij27") -> Producer:
    return Producer(key_id, "acme", "acme", frozenset(Lane), limit)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shared(clock: Clock) -> InMemory:
    return InMemory(clock)


@pytest.fixture
def limits(shared: InMemory, clock: Clock) -> FareLimits:
    return FareLimits(shared, clock)


async def refusal(limits: FareLimits, who: Producer, fares: int) -> LimitReachedError | None:
    try:
        await limits.allow(who, fares)
    except LimitReachedError as error:
        return error
    return None


async def let_through(limits: FareLimits, who: Producer, requests: int) -> int:
    """How many of these requests for one fare, all at once, are let through."""
    refusals = await asyncio.gather(*(refusal(limits, who, 1) for _ in range(requests)))
    return refusals.count(None)


async def test_the_whole_of_a_minute_may_come_at_once_and_no_fare_more(limits: FareLimits) -> None:
    """Bulk producers send so: much, and then nothing for a while."""
    await limits.allow(producer(600), 600)
    assert await refusal(limits, producer(600), 1)


async def test_requests_that_come_together_share_what_there_is(limits: FareLimits, shared: InMemory) -> None:
    """Nobody is asked more than once for each second's worth."""
    assert await let_through(limits, producer(600), 700) == 600
    assert shared.asked <= 600 / 10 + 1


async def test_what_some_spend_while_others_wait_for_more_is_not_counted_twice(limits: FareLimits) -> None:
    """Of 600 a minute ten are taken at a time: nine are left when the large request asks for more."""
    await limits.allow(producer(600), 1)
    large = asyncio.create_task(limits.allow(producer(600), 590))
    await asyncio.sleep(0)
    for _ in range(9):
        await limits.allow(producer(600), 1)
    await large
    assert await let_through(limits, producer(600), 10) == 0


async def test_keys_are_counted_apart(limits: FareLimits) -> None:
    """So are what a gateway has in hand for each, and what it knows to be refused."""
    assert await let_through(limits, producer(60, "one"), 61) == 60
    assert await let_through(limits, producer(60, "other"), 61) == 60


async def test_what_is_in_hand_is_not_lost_to_a_request_that_takes_more(limits: FareLimits) -> None:
    await limits.allow(producer(600), 1)
    await limits.allow(producer(600), 20)
    assert await let_through(limits, producer(600), 600) == 600 - 21


async def test_a_refusal_says_when_the_same_is_let_through(limits: FareLimits, clock: Clock) -> None:
    await limits.allow(producer(600), 300)
    clock.now += 20
    await limits.allow(producer(600), 300)
    clock.now += 10.5
    refused = await refusal(limits, producer(600), 200)
    assert refused is not None
    assert (refused.retry_after_s, refused.limit) == (31, 600)
    assert str(refused) == "this key may send 600 fares a minute; send these in 31 s"
    clock.now += refused.retry_after_s
    await limits.allow(producer(600), 200)


async def test_what_is_refused_again_and_again_is_not_asked_for_again_and_again(
    limits: FareLimits, shared: InMemory, clock: Clock
) -> None:
    await limits.allow(producer(600), 600)
    waits = []
    asked = shared.asked
    for _ in range(3):
        refused = await refusal(limits, producer(600), 1)
        waits.append(refused and refused.retry_after_s)
        clock.now += 20
    assert waits == [61, 41, 21]
    assert shared.asked == asked + 1


async def test_a_request_that_never_gets_through_is_told_so(limits: FareLimits, shared: InMemory) -> None:
    with pytest.raises(RequestOverLimitError, match="these are 100,000: send them in parts"):
        await limits.allow(producer(60_000), 100_000)
    assert shared.asked == 0


async def test_while_redis_is_away_each_gateway_counts_alone(
    limits: FareLimits, shared: InMemory, clock: Clock
) -> None:
    """It is asked once a second whether it is back, and what was granted before it went counts again then."""
    await limits.allow(producer(600), 600)
    shared.away = True
    clock.now += 2
    gateways = [FareLimits(shared, clock) for _ in range(2)]
    asked = shared.asked
    assert [await let_through(gateway, producer(600), 700) for gateway in gateways] == [600, 600]
    assert shared.asked == asked + 2
    shared.away = False
    clock.now += 1
    assert await refusal(FareLimits(shared, clock), producer(600), 1)


@dataclass(frozen=True)
class Sent:
    """A request: how long after the one before, to which gateway, of how many fares."""

    after_s: float
    gateway: int
    fares: int


GATEWAYS = 3
LIMIT = 240
SLICE = LIMIT // MINUTE_S

requests = st.builds(
    Sent,
    st.sampled_from([0, 0, 0.01, 0.4, 1, 7.7, 29, 59.99, 60, 61]),
    st.integers(0, GATEWAYS - 1),
    st.sampled_from([1, 1, 2, SLICE, 50, LIMIT // 2, LIMIT]),
)


def fullest_minute(passed: Sequence[tuple[float, int]]) -> int:
    """The most fares in any minute, which begins with a request: a plain sum over all of them."""
    return max(
        (sum(fares for at, fares in passed if begins <= at <= begins + MINUTE_S) for begins, _ in passed), default=0
    )


class Fleet:
    """Gateways that share allowances, and what they have let through: when, and how many fares."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.shared = InMemory(self.clock)
        self.passed: list[tuple[float, int]] = []
        self._gateways = [FareLimits(self.shared, self.clock) for _ in range(GATEWAYS)]

    async def lets_through(self, sent: Sent) -> bool:
        if await refusal(self._gateways[sent.gateway], producer(LIMIT), sent.fares):
            return False
        self.passed.append((self.clock.now, sent.fares))
        return True

    def lately(self) -> int:
        """Fares that may still count."""
        return sum(fares for at, fares in self.passed if self.clock.now - at < MINUTE_S + 1)


@settings(max_examples=150, deadline=None)
@given(st.lists(requests, min_size=20, max_size=120))
async def test_no_minute_sees_more_than_the_limit_and_a_slice_of_each_gateway(sequence: Sequence[Sent]) -> None:
    fleet = Fleet()
    for sent in sequence:
        fleet.clock.now += sent.after_s
        await fleet.lets_through(sent)
    assert fullest_minute(fleet.passed) <= LIMIT + GATEWAYS * SLICE

    newcomer = FareLimits(fleet.shared, fleet.clock)
    if refused := await refusal(newcomer, producer(LIMIT), LIMIT):
        fleet.clock.now += refused.retry_after_s
        await newcomer.allow(producer(LIMIT), LIMIT)


@settings(max_examples=100, deadline=None)
@given(st.lists(requests, min_size=20, max_size=120))
async def test_who_keeps_a_slice_of_each_gateway_below_the_limit_is_never_refused(sequence: Sequence[Sent]) -> None:
    fleet = Fleet()
    for sent in sequence:
        fleet.clock.now += sent.after_s
        if fleet.lately() + sent.fares <= LIMIT - GATEWAYS * SLICE:
            assert await fleet.lets_through(sent)


async def test_a_clock_that_is_set_back_stops_nobody() -> None:
    minute = SlidingMinute()
    assert minute.grant(60, 60, 60, 10_000) == Grant(60, 0)
    assert minute.grant(60, 60, 60, 5_000) == Grant(60, 0)


async def test_nobody_is_granted_more_than_there_is() -> None:
    minute = SlidingMinute()
    assert minute.grant(60, 55, 1, 10_000) == Grant(55, 0)
    assert minute.grant(60, 1, 10, 10_001) == Grant(5, 0)
    assert minute.grant(60, 1, 10, 10_002) == Grant(0, 59)
