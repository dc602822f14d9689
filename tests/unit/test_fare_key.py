"""Keys of fares and boards can be read back, and keep the order of their parts."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.airports import places
from shared.messages import codes
from shared.messages.fare_key import (
    UNKNOWN_MINUTE,
    Board,
    Fare,
    FareParts,
    currency_of,
    pack_boards,
    pack_fares,
    unpack_board,
    unpack_fare,
)
from tests.unit.fares import columns_of, fare

EPOCH = date(1970, 1, 1)
HIGHEST = (37**3 - 1, 270_000, 1_440, 3, 7, 26**3 - 1)

carriers = st.none() | st.from_regex(r"[A-Z0-9]{2,3}", fullmatch=True)
flight_numbers = st.none() | st.builds("{}{}".format, st.integers(0, 9_999), st.sampled_from(["", *codes.LETTERS]))
times = st.none() | st.times().map("{:%H:%M}".format)
currencies = st.sampled_from(["EUR", "USD", "JPY", "ZWG", "AED"])
fares = st.builds(Fare, carriers, flight_numbers, times, st.sampled_from(codes.CABINS), st.integers(0, 7), currencies)
parts = st.tuples(*(st.integers(0, highest) for highest in HIGHEST))
days = st.dates(EPOCH + timedelta(days=1), EPOCH + timedelta(days=2**16 - 1))
airports = st.sampled_from(sorted(places()))


def coded(fare: Fare) -> tuple[int, ...]:
    hours, minutes = (fare.departure_time or "24:00").split(":")
    return (
        codes.carrier_code(fare.carrier) if fare.carrier else 0,
        codes.flight_code(fare.flight_number) if fare.flight_number else 0,
        60 * int(hours) + int(minutes),
        codes.cabin_code(fare.cabin),
        fare.stops,
        codes.currency_code(fare.currency),
    )


def packed(*rows: tuple[int, ...]) -> list[int]:
    columns = np.array(rows, dtype=np.int64).T
    return [int(key) for key in pack_fares(FareParts(*columns))]


@given(fares)
def test_a_fare_key_is_read_back(fare: Fare) -> None:
    assert fare == unpack_fare(packed(coded(fare))[0])


@given(parts, parts)
def test_fare_keys_are_ordered_as_their_parts(one: tuple[int, ...], other: tuple[int, ...]) -> None:
    first, second = packed(one, other)
    assert ((one > other) - (one < other)) == ((first > second) - (first < second))


@given(parts, st.integers(0, 5))
def test_the_order_holds_for_neighbours_too(lower: tuple[int, ...], position: int) -> None:
    """All parts after the one that differs are as unfavourable as they can be."""
    if lower[position] == HIGHEST[position]:
        return
    left = (*lower[: position + 1], *HIGHEST[position + 1 :])
    right = (*lower[:position], lower[position] + 1, *([0] * (5 - position)))
    first, second = packed(left, right)
    assert second == first + 1


def test_the_highest_key_fits_64_bits() -> None:
    product = 1
    for highest in HIGHEST:
        product *= highest + 1

    assert packed(HIGHEST) == [product - 1]
    assert product - 1 < 2**64
    assert packed((0,) * 6) == [0]


def test_unknown_parts_stay_unknown() -> None:
    key = packed((0, codes.UNKNOWN_FLIGHT, UNKNOWN_MINUTE, 0, 0, codes.currency_code("EUR")))[0]
    assert unpack_fare(key) == Fare(None, None, None, "economy", 0, "EUR")


@given(parts)
def test_the_currency_is_found_without_unpacking(part: tuple[int, ...]) -> None:
    keys = np.array(packed(part), dtype=np.uint64)
    assert currency_of(keys).tolist() == [part[-1]]


@given(st.builds(Board, airports, airports, days, st.none() | days))
def test_a_board_key_is_read_back(board: Board) -> None:
    columns = (
        codes.airport_code(board.origin),
        codes.airport_code(board.destination),
        (board.departure_date - EPOCH).days,
        (board.return_date - EPOCH).days if board.return_date else 0,
    )
    (key,) = pack_boards(*(np.array([code], dtype=np.int64) for code in columns))
    assert board == unpack_board(int(key))


@pytest.mark.parametrize("corner", [(26**3 - 1, 26**3 - 1, 2**16 - 1, 2**16 - 1), (0, 26**3 - 1, 0, 2**16 - 1)])
def test_the_parts_of_a_board_key_never_touch(corner: tuple[int, ...]) -> None:
    (key,) = pack_boards(*(np.array([code], dtype=np.int64) for code in corner))
    board = unpack_board(int(key))

    assert (board.origin, board.destination) == (codes.letters_of(corner[0]), codes.letters_of(corner[1]))
    assert (board.departure_date - EPOCH).days == corner[2]
    assert board.return_date == EPOCH + timedelta(days=corner[3])


def test_documents_are_packed_under_what_they_say() -> None:
    columns = columns_of(fare(), fare(return_date="2027-01-03", carrier=None, departure_time=None, cabin="first"))

    assert [unpack_board(int(key)) for key in columns.board] == [
        Board("JFK", "LHR", date(2026, 12, 24), None),
        Board("JFK", "LHR", date(2026, 12, 24), date(2027, 1, 3)),
    ]
    assert [unpack_fare(int(key)) for key in columns.fare] == [
        Fare("BA", "117", "18:25", "economy", 0, "USD"),
        Fare(None, "117", None, "first", 0, "USD"),
    ]
