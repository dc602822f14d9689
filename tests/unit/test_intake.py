"""What callers give to the intake is in the broker or the spool before they are told so, each about his own."""

import asyncio
from collections.abc import AsyncIterator, Callable
from itertools import pairwise

import pytest

from services.ingest_gateway.intake import intake as intake_module
from services.ingest_gateway.intake.taken import Taken
from shared.broker.outgoing import Outgoing
from shared.cycles import Stage
from shared.errors import UnavailableError
from shared.fare_lanes import Lane
from shared.messages.batches import MAX_ROWS
from shared.messages.fares import FARES
from tests.counted import counted
from tests.unit.fares import fare, rows_of
from tests.unit.intakes import Gateway, flights, gateway, lane_of, rows_in, values


@pytest.fixture
async def gate() -> AsyncIterator[Gateway]:
    async with gateway() as gate:
        yield gate


class Held:
    """Holds publishes back until they are let go."""

    def __init__(self, gate: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun = asyncio.Event()
        self.go = asyncio.Event()
        publish = gate.broker.publish

        async def waiting(message: Outgoing) -> None:
            self.begun.set()
            await self.go.wait()
            await publish(message)

        monkeypatch.setattr(gate.broker, "publish", waiting)


async def test_callers_at_one_time_share_a_message(gate: Gateway) -> None:
    await asyncio.gather(*(gate.intake.take(flights(number), Lane.LIVE, None) for number in range(1, 21)))
    (message,) = gate.broker.published
    assert {row["flight_number"] for row in rows_in(message)} == {str(number) for number in range(1, 21)}
    assert lane_of(message) is Lane.LIVE


async def test_each_lane_and_each_cycle_has_messages_of_its_own(gate: Gateway) -> None:
    kinds = [(Lane.LIVE, None), (Lane.SWEEP, None), (Lane.SWEEP, "c1"), (Lane.SWEEP, "c2")]
    await asyncio.gather(*(gate.intake.take(flights(1), lane, cycle) for lane, cycle in kinds))
    sent = [(lane_of(message), (message.headers or {}).get("cycle")) for message in gate.broker.published]
    assert sorted(sent, key=str) == sorted(kinds, key=str)
    assert gate.counted("c1") == {Stage.PUBLISHED: 1}


async def test_each_caller_is_told_of_the_faults_among_his_own(gate: Gateway) -> None:
    good, bad = fare(), fare(price=0)
    first, second, third = await asyncio.gather(
        gate.intake.take(values(good, bad), Lane.LIVE, None),
        gate.intake.take(values(good), Lane.LIVE, None),
        gate.intake.take(values(bad, good, fare(origin="XXX")), Lane.LIVE, None),
    )
    assert first == Taken([(1, "price_missing")], spooled=False)
    assert list(second.faults) == []
    assert list(third.faults) == [(0, "price_missing"), (2, "origin_unknown")]
    assert [len(fares) for fares in gate.published()] == [3]


async def test_what_is_all_faulty_is_told_and_nothing_is_sent(gate: Gateway) -> None:
    before = counted("farelark_ingest_set_aside_total", reason="price_missing")
    taken = await gate.intake.take(values(fare(price=0)), Lane.LIVE, None)
    assert taken == Taken([(0, "price_missing")], spooled=False)
    assert gate.broker.published == []
    assert gate.spool.kept == []
    assert counted("farelark_ingest_set_aside_total", reason="price_missing") == before + 1


async def test_a_full_batch_leaves_without_waiting_for_its_age(monkeypatch: pytest.MonkeyPatch) -> None:
    async with gateway() as gate:
        monkeypatch.setattr(gate.intake._collector, "_age_s", 3_600)
        fares = flights(1) * (MAX_ROWS // 2)
        await asyncio.gather(*(gate.intake.take(fares, Lane.LIVE, None) for _ in range(2)))
        assert [len(fares) for fares in gate.published()] == [MAX_ROWS]


async def test_a_caller_whose_fares_find_no_room_opens_the_next_batch(gate: Gateway) -> None:
    first, second = flights(1) * (MAX_ROWS - 1), flights(2, 3)
    await asyncio.gather(*(gate.intake.take(fares, Lane.LIVE, None) for fares in (first, second)))
    assert sorted(map(len, gate.published())) == [2, MAX_ROWS - 1]


async def test_a_batch_without_room_for_the_next_fares_leaves_without_waiting_for_its_age(
    gate: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate.intake._collector, "_age_s", 3_600)
    first, second, third = flights(1) * (MAX_ROWS - 1), flights(2, 3), flights(4) * (MAX_ROWS - 2)
    async with asyncio.timeout(30):
        await asyncio.gather(*(gate.intake.take(fares, Lane.LIVE, None) for fares in (first, second, third)))
    assert sorted(map(len, gate.published())) == [MAX_ROWS - 1, MAX_ROWS]


@pytest.mark.parametrize("form", ["values", "batch"])
async def test_more_than_a_message_holds_is_cut_and_faults_keep_their_positions(gate: Gateway, form: str) -> None:
    bad = [0, MAX_ROWS - 1, MAX_ROWS, 2 * MAX_ROWS + 4]
    rows = rows_of(FARES, *(fare(price=0 if row in bad else 100) for row in range(2 * MAX_ROWS + 5)))
    if form == "values":
        taken = await gate.intake.take(rows.to_pylist(), Lane.SWEEP, "c1")
    else:
        taken = await gate.intake.take_batch(rows, Lane.SWEEP, "c1")
    assert list(taken.faults) == [(row, "price_missing") for row in bad]
    assert sorted(map(len, gate.published())) == [4, MAX_ROWS - 2, MAX_ROWS - 1]
    assert gate.counted("c1") == {Stage.PUBLISHED: 2 * MAX_ROWS + 1}


async def test_nobody_is_answered_before_the_broker_has_confirmed(
    gate: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(gate, monkeypatch)
    taking = [asyncio.create_task(gate.intake.take(flights(number), Lane.LIVE, None)) for number in (1, 2)]
    await held.begun.wait()
    for _ in range(10):
        await asyncio.sleep(0)
    assert not any(task.done() for task in taking)
    held.go.set()
    await asyncio.gather(*taking)


async def test_a_caller_who_goes_away_takes_nothing_from_the_others(
    gate: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(gate, monkeypatch)
    gone, stays = (asyncio.create_task(gate.intake.take(flights(number), Lane.LIVE, None)) for number in (1, 2))
    await held.begun.wait()
    gone.cancel()
    held.go.set()
    assert await stays == Taken([], spooled=False)
    assert [len(fares) for fares in gate.published()] == [2]


@pytest.mark.parametrize("lane", Lane)
async def test_while_the_broker_is_away_the_spool_takes_all_and_callers_know(gate: Gateway, lane: Lane) -> None:
    gate.broker.there = False
    before = counted("farelark_ingested_fares_total", lane=lane.value, stored="spool")
    assert await gate.intake.take(flights(1, 2), lane, "c1") == Taken([], spooled=True)
    assert await gate.intake.take_batch(rows_of(FARES, fare()), lane, "c1") == Taken([], spooled=True)
    assert [(batch.lane, batch.cycle, batch.fares) for batch in gate.spool.kept] == [(lane, "c1", 2), (lane, "c1", 1)]
    assert gate.counted("c1") == {}, "they are not on their way yet"
    assert gate.intake.open
    assert counted("farelark_ingested_fares_total", lane=lane.value, stored="spool") == before + 3


async def test_one_piece_in_the_spool_makes_the_whole_call_spooled(
    gate: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish = gate.broker.publish

    async def refusing_small_ones(message: Outgoing) -> None:
        if len(rows_in(message)) < MAX_ROWS:
            raise UnavailableError("rabbitmq", "a test says so")
        await publish(message)

    monkeypatch.setattr(gate.broker, "publish", refusing_small_ones)
    taken = await gate.intake.take(flights(1) * (MAX_ROWS + 1), Lane.LIVE, None)
    assert taken.spooled
    assert (len(gate.broker.published), len(gate.spool.kept)) == (1, 1)


async def test_when_both_are_away_every_caller_is_told_and_may_come_again(gate: Gateway) -> None:
    gate.broker.there = gate.spool.there = False
    ended = await asyncio.gather(
        *(gate.intake.take(flights(number), Lane.LIVE, None) for number in (1, 2)), return_exceptions=True
    )
    assert [type(outcome) for outcome in ended] == [UnavailableError, UnavailableError]
    assert not gate.intake.open
    gate.broker.there = True
    assert await gate.intake.take(flights(1), Lane.LIVE, None) == Taken([], spooled=False)


async def test_what_is_in_hand_is_bounded_and_there_is_room_again_once_it_is_safe(
    gate: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(gate, monkeypatch)
    monkeypatch.setattr(intake_module, "MOST_BYTES_IN_HAND", 1_500)
    first = asyncio.create_task(gate.intake.take(flights(1), Lane.LIVE, None))
    await held.begun.wait()
    with pytest.raises(UnavailableError, match="too many fares"):
        await gate.intake.take(flights(2), Lane.LIVE, None)
    held.go.set()
    await first
    assert await gate.intake.take(flights(1, 2, 3), Lane.LIVE, None) == Taken([], spooled=False), "alone there is room"


async def test_others_get_their_turn_between_large_batches(gate: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each takes milliseconds of the event loop: many in a row must not add up."""
    order: list[str] = []

    def noting(name: str, prepare: Callable[..., object]) -> Callable[..., object]:
        def noted(*arguments: object) -> object:
            order.append(name)
            return prepare(*arguments)

        return noted

    async def somebody_else() -> None:
        while order.count("batch") < 5:
            order.append("somebody else")
            await asyncio.sleep(0)

    monkeypatch.setattr(gate.intake, "_prepare", noting("batch", gate.intake._prepare))
    rows = rows_of(FARES, *[fare()] * 2_000)
    other = asyncio.create_task(somebody_else())
    await asyncio.gather(*(gate.intake.take_batch(rows, Lane.SWEEP, None) for _ in range(5)))
    await other
    assert order.count("batch") == 5
    assert ("batch", "batch") not in pairwise(order)
