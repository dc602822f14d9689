"""A fare board's bytes."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.fare_boards.layout import (
    ABSENT,
    FORMAT,
    HEADER_BYTES,
    MAX_RANK,
    MAX_REFERENCE,
    ROW,
    BoardFormatError,
    expires_at,
    next_headers,
    observations,
    parse,
    prices,
    put_observations,
    put_prices,
    ranks,
    redis_key,
)
from shared.money import MAX_PRICE
from tests.unit.fares import columns_of, fare


def value_of(*fares: int) -> bytes:
    rows = np.zeros(len(fares), dtype=ROW)
    rows["fare"] = fares
    return next_headers([ABSENT])[0] + rows.tobytes()


def test_a_fare_takes_23_bytes() -> None:
    assert (HEADER_BYTES, ROW.itemsize) == (8, 23)


def test_boards_are_read_together_and_absent_ones_are_empty() -> None:
    values = [None, value_of(1, 2), b"", value_of(), value_of(2**64 - 1)]

    boards = parse(values)

    assert boards.headers == [(value or b"")[:8] for value in values]
    assert boards.offsets.tolist() == [0, 0, 2, 2, 2, 3]
    assert boards.rows["fare"].tolist() == [1, 2, 2**64 - 1]


def test_no_boards_are_no_rows() -> None:
    assert (parse([]).offsets.tolist(), len(parse([]).rows)) == ([0], 0)


@pytest.mark.parametrize(
    "value",
    [b"\x02" + value_of(1)[1:], value_of(1)[:-1], value_of(1) + b"x", bytes([FORMAT]), b"{}", b"OK"],
    ids=["of another format", "cut short", "too long", "a format alone", "JSON", "a word"],
)
def test_what_is_no_board_is_refused(value: bytes) -> None:
    with pytest.raises(BoardFormatError, match=f"format {value[0]} with {len(value)} bytes"):
        parse([value_of(1), value])


def test_every_write_moves_the_version_and_new_boards_start_anywhere() -> None:
    first = next_headers([ABSENT])[0]
    second = next_headers([first])[0]

    assert (first[0], second[0]) == (FORMAT, FORMAT)
    assert (int.from_bytes(first[1:], "big") + 1) % 2**56 == int.from_bytes(second[1:], "big")
    assert next_headers([bytes([FORMAT]) + b"\xff" * 7])[0] == bytes([FORMAT]) + bytes(7)
    assert len({next_headers([ABSENT])[0] for _ in range(20)}) == 20


contents = st.tuples(
    st.integers(0, MAX_PRICE), st.integers(0, 2**44 - 1), st.integers(0, 2**41), st.integers(0, MAX_RANK)
)


@given(st.lists(contents, min_size=1))
def test_amounts_instants_and_ranks_are_read_back(contents: list[tuple[int, int, int, int]]) -> None:
    rows = np.zeros(len(contents), dtype=ROW)
    price, observed, reference, rank = (np.array(column, dtype=np.int64) for column in zip(*contents, strict=True))
    everywhere = np.arange(len(contents))

    put_prices(rows, everywhere, price, reference)
    put_observations(rows, everywhere, observed, rank)

    assert prices(rows).tolist() == price.tolist()
    assert observations(rows).tolist() == observed.tolist()
    assert ranks(rows).tolist() == rank.tolist()
    assert rows["reference"].tolist() == [min(amount, MAX_REFERENCE) for amount in reference.tolist()]


def test_a_board_is_found_under_its_route_and_dates() -> None:
    boards = columns_of(fare(), fare(return_date="2027-01-03")).board
    assert [redis_key(int(board)) for board in boards] == [
        "fares:JFK-LHR:2026-12-24",
        "fares:JFK-LHR:2026-12-24:2027-01-03",
    ]


def test_a_board_outlives_its_departure_date_everywhere_on_earth() -> None:
    """The last place where it is still 24 December lies 12 hours behind UTC."""
    (board,) = columns_of(fare()).board
    over_everywhere = datetime(2026, 12, 25, tzinfo=UTC) + timedelta(hours=12)

    assert datetime.fromtimestamp(expires_at(int(board)), UTC) >= over_everywhere
