"""A circuit breaker, with a clock that is moved by hand."""

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from prometheus_client import REGISTRY

from shared.breaker import Breaker, State
from shared.errors import TransientError, UnavailableError
from tests.hand_moved_clock import Clock

SHORTEST = 1.0
LONGEST = 15.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker("test", failures=3, shortest=SHORTEST, longest=LONGEST, clock=clock)


def enter(breaker: Breaker) -> int:
    ticket = breaker.enter()
    assert ticket is not None
    return ticket


def state_of(breaker: Breaker) -> State:
    """Its state now, which mypy would else take for the one that was asserted last."""
    return breaker.state


def fail(breaker: Breaker, times: int = 1) -> None:
    for _ in range(times):
        breaker.failed(enter(breaker))


def shown(state: State) -> float | None:
    return REGISTRY.get_sample_value("farelark_breaker_state", {"breaker": "test", "state": state.value})


def changes(state: State) -> float:
    labels = {"breaker": "test", "state": state.value}
    return REGISTRY.get_sample_value("farelark_breaker_changes_total", labels) or 0


def test_failures_in_a_row_open_it_and_it_then_refuses(breaker: Breaker) -> None:
    fail(breaker, 2)
    assert state_of(breaker) is State.CLOSED
    fail(breaker)
    assert state_of(breaker) is State.OPEN
    assert breaker.refuses
    assert breaker.enter() is None


def test_an_answer_in_between_means_that_they_were_not_in_a_row(breaker: Breaker) -> None:
    fail(breaker, 2)
    breaker.succeeded(enter(breaker))
    fail(breaker, 2)
    assert state_of(breaker) is State.CLOSED


def test_it_stays_open_for_half_a_period_at_least_and_for_a_whole_one_at_most(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += SHORTEST * 0.49
    assert breaker.refuses
    clock.now += SHORTEST * 0.52
    assert not breaker.refuses


def test_half_open_it_lets_one_call_through_whose_success_closes_it(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += SHORTEST
    probe = enter(breaker)
    assert state_of(breaker) is State.HALF_OPEN
    assert [breaker.enter() for _ in range(500)] == [None] * 500
    breaker.succeeded(probe)
    assert state_of(breaker) is State.CLOSED
    assert breaker.enter() is not None


def test_each_probe_that_fails_keeps_it_open_for_twice_as_long_up_to_the_longest(
    breaker: Breaker, clock: Clock
) -> None:
    fail(breaker, 3)
    for period in (1, 2, 4, 8, 15, 15):
        clock.now += period * 0.49
        assert breaker.refuses, period
        clock.now += period * 0.52
        fail(breaker)


def test_it_outlasts_the_longest_outage(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    for _ in range(5_000):
        clock.now += LONGEST
        fail(breaker)
    clock.now += LONGEST
    breaker.succeeded(enter(breaker))
    assert state_of(breaker) is State.CLOSED


def test_after_a_success_it_begins_with_the_shortest_period_again(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    for _ in range(5):
        clock.now += LONGEST
        fail(breaker)
    clock.now += LONGEST
    breaker.succeeded(enter(breaker))
    fail(breaker, 3)
    clock.now += SHORTEST
    assert not breaker.refuses


def test_what_was_under_way_when_it_opened_neither_opens_it_again_nor_closes_it(breaker: Breaker, clock: Clock) -> None:
    under_way = [enter(breaker) for _ in range(10)]
    for ticket in under_way[:3]:
        breaker.failed(ticket)
    breaker.succeeded(under_way[3])
    assert state_of(breaker) is State.OPEN
    clock.now += SHORTEST
    probe = enter(breaker)
    breaker.failed(under_way[4])
    breaker.succeeded(under_way[5])
    assert state_of(breaker) is State.HALF_OPEN
    breaker.succeeded(probe)
    for ticket in under_way[6:]:
        breaker.failed(ticket)
    assert state_of(breaker) is State.CLOSED


def test_tripped_it_stays_open_for_just_so_long(breaker: Breaker, clock: Clock) -> None:
    breaker.trip(60)
    clock.now += 59.9
    assert breaker.refuses
    clock.now += 0.2
    breaker.succeeded(enter(breaker))
    assert state_of(breaker) is State.CLOSED


def test_tripped_while_it_is_open_it_stays_open_for_the_longer_time(breaker: Breaker, clock: Clock) -> None:
    breaker.trip(60)
    breaker.trip(5)
    clock.now += 59
    assert breaker.refuses


def test_a_probe_that_nobody_saw_through_leaves_the_next_call_to_be_the_probe(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += SHORTEST
    breaker.abandoned(enter(breaker))
    breaker.succeeded(enter(breaker))
    assert state_of(breaker) is State.CLOSED


def test_its_state_is_in_the_metrics_and_so_are_its_changes(breaker: Breaker, clock: Clock) -> None:
    before = {state: changes(state) for state in State}
    assert [shown(state) for state in State] == [1, 0, 0]
    fail(breaker, 3)
    assert [shown(state) for state in State] == [0, 1, 0]
    clock.now += SHORTEST
    probe = enter(breaker)
    assert [shown(state) for state in State] == [0, 0, 1]
    breaker.succeeded(probe)
    assert [shown(state) for state in State] == [1, 0, 0]
    assert [changes(state) - before[state] for state in State] == [1, 1, 1]


async def guarded(breaker: Breaker, error: BaseException | None = None) -> None:
    async with breaker.guard():
        if error:
            raise error


async def test_a_guard_learns_from_what_is_raised_and_lets_it_pass(breaker: Breaker) -> None:
    for _ in range(3):
        with pytest.raises(UnavailableError, match="shard7"):
            await guarded(breaker, UnavailableError("shard7"))
    with pytest.raises(UnavailableError, match="test is unavailable: its circuit breaker is open"):
        await guarded(breaker)


async def test_a_server_that_answers_with_an_error_is_there(breaker: Breaker) -> None:
    for _ in range(2):
        with pytest.raises(UnavailableError):
            await guarded(breaker, UnavailableError("test"))
    with pytest.raises(TransientError):
        await guarded(breaker, TransientError("board_unreadable"))
    with pytest.raises(UnavailableError):
        await guarded(breaker, UnavailableError("test"))
    assert state_of(breaker) is State.CLOSED


@pytest.mark.parametrize(
    ("error", "after"),
    [(None, State.CLOSED), (UnavailableError("test"), State.OPEN), (asyncio.CancelledError(), State.OPEN)],
    ids=["success", "failure", "cancelled"],
)
async def test_a_guarded_probe_always_ends(
    breaker: Breaker, clock: Clock, error: BaseException | None, after: State
) -> None:
    fail(breaker, 3)
    clock.now += SHORTEST
    await asyncio.gather(guarded(breaker, error), return_exceptions=True)
    assert state_of(breaker) is after
    clock.now += LONGEST
    assert not breaker.refuses


class AnyCalls(RuleBasedStateMachine):
    """Whatever calls do: half-open there is one of them, and an open breaker always comes to an end."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.breaker = Breaker("test", failures=3, shortest=SHORTEST, longest=LONGEST, clock=self.clock)
        self.under_way: list[int] = []
        self.probes: list[int] = []

    @rule()
    def begin(self) -> None:
        ticket = self.breaker.enter()
        if ticket is None:
            assert self.breaker.state is not State.CLOSED
            return
        if self.breaker.state is State.HALF_OPEN:
            assert not self.probes
            self.probes.append(ticket)
        self.under_way.append(ticket)

    @precondition(lambda self: self.under_way)
    @rule(which=st.integers(0), end=st.sampled_from(["succeeded", "failed", "abandoned"]))
    def end(self, which: int, end: str) -> None:
        ticket = self.under_way.pop(which % len(self.under_way))
        before = self.breaker.state
        report: Callable[[int], None] = getattr(self.breaker, end)
        report(ticket)
        if ticket in self.probes:
            self.probes.clear()
            assert self.breaker.state is not State.HALF_OPEN
        else:
            assert before is State.CLOSED or self.breaker.state is before

    @rule(seconds=st.floats(0, 2 * LONGEST))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @invariant()
    def ends(self) -> None:
        if self.breaker.state is State.OPEN:
            now = self.clock.now
            self.clock.now += LONGEST + 0.001
            assert not self.breaker.refuses
            self.clock.now = now

    @invariant()
    def has_one_probe_while_half_open(self) -> None:
        assert (self.breaker.state is State.HALF_OPEN) == bool(self.probes)


TestAnyCalls = AnyCalls.TestCase
TestAnyCalls.settings = settings(max_examples=50)
