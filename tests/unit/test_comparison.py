"""What a price worker finds changed, and what it leaves on the boards, is what a plain model says."""

from datetime import timedelta
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from services.price_worker.comparison import compare
from services.price_worker.sightings import latest
from shared.fare_boards import layout
from tests.unit.boards_in_memory import (
    FACTORS,
    LONG_AGO,
    PRECEDENCE,
    Worker,
    amounts_at,
    at,
    board_of,
    changes_of,
    milliseconds,
)
from tests.unit.fare_model import Factors, Model, place_of
from tests.unit.fares import Document, columns_of, fare

# Few boards, fares, prices and instants, so that they meet.

AGES = tuple(timedelta(minutes=-minutes) for minutes in range(4))
documents = st.builds(
    lambda board, identity, **seen: fare(**board, **identity, **seen),
    st.sampled_from([{}, {"origin": "CDG"}, {"destination": "BCN"}, {"return_date": "2027-01-03"}]),
    st.sampled_from(
        [
            {"carrier": carrier, "flight_number": number, "currency": currency}
            for carrier, currency in ((None, "EUR"), ("BA", "USD"), ("BA", "JPY"))
            for number in ("1", "2", "9")
        ]
    ),
    price=st.sampled_from([1, 2, 3, 5, 2**32, 2**40 - 1]),
    observed_at=st.sampled_from(AGES).map(at),
    source=st.sampled_from(["test", "better", "best"]),
)
batches = st.lists(documents, max_size=25)


@given(st.lists(st.tuples(batches, st.sampled_from(FACTORS), st.sampled_from([*AGES, timedelta(-3)])), max_size=6))
@settings(deadline=None)
def test_changes_and_boards_are_those_of_the_model(
    cycles: list[tuple[list[Document], Factors, timedelta]],
) -> None:
    worker, model = Worker(), Model()
    for sightings, factors, staleness in cycles:
        before = dict(worker.values)
        batch = [sighting for sighting in sightings if sighting["observed_at"] >= at(staleness)]
        fares = columns_of(*batch)

        comparison = worker.work_in(fares, factors, milliseconds(staleness))
        changes, written = model.work_in(batch, factors, at(staleness))

        assert changes == changes_of(fares, comparison)
        assert model.boards == worker.boards
        assert written == {board_of(board) for board, value in worker.values.items() if value != before.get(board)}
        assert len(comparison.values) == len(written)


@given(batches, st.randoms(use_true_random=False), st.data())
@settings(deadline=None)
def test_neither_order_nor_repetition_of_batches_matters_to_what_the_boards_hold_in_the_end(
    sightings: list[Document], random: Random, data: st.DataObject
) -> None:
    in_order, shuffled = Worker(), Worker()
    in_order.work_in(columns_of(*sightings), FACTORS[0], LONG_AGO)

    repeated = sightings + data.draw(st.lists(st.sampled_from(sightings)) if sightings else st.just([]))
    random.shuffle(repeated)
    size = data.draw(st.integers(1, 10), label="size of a batch")
    for start in range(0, len(repeated), size):
        shuffled.work_in(columns_of(*repeated[start : start + size]), FACTORS[0], LONG_AGO)

    assert in_order.boards == shuffled.boards


@given(batches, batches)
@settings(deadline=None)
def test_a_batch_that_comes_again_changes_nothing(first: list[Document], batch: list[Document]) -> None:
    worker = Worker()
    worker.work_in(columns_of(*first), FACTORS[0], LONG_AGO)
    worker.work_in(columns_of(*batch), FACTORS[0], LONG_AGO)

    repeat = worker.work_in(columns_of(*batch), FACTORS[1], LONG_AGO)

    assert not repeat.values
    assert not len(repeat.changes.row)


@given(batches)
@settings(deadline=None)
def test_rows_stay_sorted_by_fare(batch: list[Document]) -> None:
    worker = Worker()
    for part in (batch[::2], batch[1::2]):
        worker.work_in(columns_of(*part), FACTORS[0], LONG_AGO)
    for value in worker.values.values():
        keys = layout.parse([value]).rows["fare"].tolist()
        assert keys == sorted(set(keys))


@given(batches, batches, batches, st.data())
@settings(deadline=None)
def test_merging_again_after_a_conflict_is_as_if_only_those_boards_had_been_seen(
    before: list[Document], batch: list[Document], meanwhile: list[Document], data: st.DataObject
) -> None:
    worker = Worker()
    worker.work_in(columns_of(*before), FACTORS[0], LONG_AGO)
    fares = columns_of(*batch)
    seen = latest(fares, PRECEDENCE)
    positions = sorted(data.draw(st.sets(st.integers(0, len(seen.boards) - 1)) if len(seen.boards) else st.just(set())))
    worker.work_in(columns_of(*meanwhile), FACTORS[0], LONG_AGO)

    again = seen.on(positions)
    boards = layout.parse([worker.values.get(int(board)) for board in again.boards])
    merged = compare(again, boards, amounts_at(FACTORS[0]), LONG_AGO, PRECEDENCE)

    conflicting = {board_of(int(seen.boards[position])) for position in positions}
    alone = columns_of(*(document for document in batch if place_of(document)[0] in conflicting))
    expected = worker.work_in(alone, FACTORS[0], LONG_AGO)
    assert again.boards.tolist() == [int(seen.boards[position]) for position in positions]
    assert changes_of(alone, expected) == changes_of(fares, merged)
    assert {board: value[8:] for board, value in expected.values.items()} == {
        board: value[8:] for board, value in merged.values.items()
    }
