"""Filters want what travellers asked for, whether they are asked fare by fare, column by column or board by board."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.airports import cities
from shared.alerts.filters import Filters, first_departure
from shared.messages.codes import CABINS
from shared.messages.fare_key import Board, Fare, pack_board, pack_fare, unpack_board, unpack_fare

DAY = date(2026, 12, 24)  # a Thursday
ANY = Filters(route="NYC-LON", departure_from=DAY, departure_to=DAY + timedelta(days=9))
BOARD, FARE = Board("JFK", "LHR", DAY, None), Fare("BA", "117", "18:25", "economy", 0, "EUR")
LONG_AGO = date(2020, 1, 1)
MONDAY, THURSDAY, SUNDAY = 1, 1 << 3, 1 << 6


def but(asked: Filters, **more: object) -> Filters:
    values: dict[str, Any] = {name: getattr(asked, name) for name in Filters.__dataclass_fields__}
    values.update(more)
    return Filters(**values)


def returning(nights: int) -> Board:
    return BOARD._replace(return_date=DAY + timedelta(days=nights))


@pytest.mark.parametrize(
    ("asked", "board", "fare", "wanted"),
    [
        ({}, BOARD, FARE, True),
        ({}, BOARD._replace(origin="EWR", destination="STN"), FARE, True),
        ({}, BOARD._replace(origin="BOS"), FARE, False),
        ({}, BOARD._replace(origin="LHR", destination="JFK"), FARE, False),
        ({"origin_airports": ["JFK", "EWR"]}, BOARD, FARE, True),
        ({"origin_airports": ["EWR"]}, BOARD, FARE, False),
        ({"destination_airports": ["LHR"]}, BOARD, FARE, True),
        ({"destination_airports": ["LGW", "STN"]}, BOARD, FARE, False),
        ({}, BOARD._replace(departure_date=DAY - timedelta(days=1)), FARE, False),
        ({}, BOARD._replace(departure_date=DAY + timedelta(days=9)), FARE, True),
        ({}, BOARD._replace(departure_date=DAY + timedelta(days=10)), FARE, False),
        ({"weekdays": THURSDAY}, BOARD, FARE, True),
        ({"weekdays": MONDAY | SUNDAY}, BOARD, FARE, False),
        ({"weekdays": SUNDAY}, BOARD._replace(departure_date=DAY + timedelta(days=3)), FARE, True),
        ({"weekdays": MONDAY}, BOARD._replace(departure_date=DAY + timedelta(days=4)), FARE, True),
        ({}, returning(7), FARE, False),
        ({"round_trip": True, "nights_max": 9}, BOARD, FARE, False),
        ({"round_trip": True, "nights_max": 7}, returning(7), FARE, True),
        ({"round_trip": True, "nights_max": 6}, returning(7), FARE, False),
        ({"round_trip": True, "nights_max": 9, "nights_min": 7}, returning(7), FARE, True),
        ({"round_trip": True, "nights_max": 9, "nights_min": 8}, returning(7), FARE, False),
        ({"round_trip": True, "nights_max": 0}, returning(0), FARE, True),
        ({"round_trip": True, "return_to": DAY + timedelta(days=7)}, returning(7), FARE, True),
        ({"round_trip": True, "return_to": DAY + timedelta(days=6)}, returning(7), FARE, False),
        ({"round_trip": True, "nights_max": 9, "return_from": DAY + timedelta(days=7)}, returning(7), FARE, True),
        ({"round_trip": True, "nights_max": 9, "return_from": DAY + timedelta(days=8)}, returning(7), FARE, False),
        ({"cabin": 0}, BOARD, FARE, True),
        ({"cabin": 2}, BOARD, FARE, False),
        ({"cabin": 2}, BOARD, FARE._replace(cabin="business"), True),
        ({"max_stops": 0}, BOARD, FARE, True),
        ({"max_stops": 0}, BOARD, FARE._replace(stops=1), False),
        ({"max_stops": 1}, BOARD, FARE._replace(stops=1), True),
        ({"carriers": ["U2", "BA"]}, BOARD, FARE, True),
        ({"carriers": ["U2"]}, BOARD, FARE, False),
        ({"carriers": ["BA"]}, BOARD, FARE._replace(carrier=None), False),
        ({"excluded_carriers": ["U2"]}, BOARD, FARE, True),
        ({"excluded_carriers": ["BA"]}, BOARD, FARE, False),
        ({"excluded_carriers": ["BA"]}, BOARD, FARE._replace(carrier=None), True),
    ],
)
def test_a_fare_is_wanted_if_nothing_that_was_asked_keeps_it_out(
    asked: dict[str, Any], board: Board, fare: Fare, *, wanted: bool
) -> None:
    asking = but(ANY, **asked)
    assert asking.want(board, fare) == wanted
    on_board = pack_board(board) in asking.boards(LONG_AGO)
    assert (on_board and bool(asking.want_fares(np.array([pack_fare(fare)], dtype=np.uint64))[0])) == wanted


def perhaps(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


def some_of(city: str) -> st.SearchStrategy[Any]:
    return perhaps(st.lists(st.sampled_from(sorted(cities()[city])), min_size=1, max_size=3, unique=True))


def days(first: int, last: int) -> st.SearchStrategy[date]:
    return st.integers(first, last).map(lambda ahead: DAY + timedelta(days=ahead))


carrier_lists = perhaps(st.lists(st.sampled_from(["BA", "U2", "EZY"]), min_size=1, max_size=2))
some_filters = st.builds(
    Filters,
    route=st.just("NYC-LON"),
    origin_airports=some_of("NYC"),
    destination_airports=some_of("LON"),
    departure_from=days(0, 4),
    departure_to=days(4, 8),
    round_trip=st.booleans(),
    return_from=perhaps(days(0, 12)),
    return_to=days(2, 14),
    nights_min=perhaps(st.integers(0, 6)),
    nights_max=perhaps(st.integers(0, 9)),
    weekdays=perhaps(st.integers(1, 127)),
    cabin=perhaps(st.integers(0, 3)),
    max_stops=perhaps(st.integers(0, 3)),
    carriers=carrier_lists,
    excluded_carriers=carrier_lists,
)
some_fares = st.builds(
    Fare,
    st.sampled_from(["BA", "U2", "EZY", None]),
    st.sampled_from(["1", "9999Z", None]),
    st.sampled_from(["00:00", "23:59", None]),
    st.sampled_from(CABINS),
    st.integers(0, 7),
    st.sampled_from(["EUR", "JPY"]),
)


def on_boards(test: Callable[..., None]) -> Callable[..., None]:
    return settings(max_examples=60, deadline=None)(test)


@on_boards
@given(some_filters, days(-2, 10))
def test_the_boards_of_an_alert_are_exactly_those_that_it_wants_fares_of(asking: Filters, first: date) -> None:
    found = [unpack_board(int(key)) for key in asking.boards(first)]
    anyone = Fare(None, None, None, CABINS[asking.cabin or 0], 0, "EUR")
    allowing = but(asking, carriers=None, excluded_carriers=None, max_stops=None)
    departures = [DAY + timedelta(days=ahead) for ahead in range(-1, 11)]
    everywhere = [
        Board(origin, destination, departure, back)
        for origin in (*sorted(cities()["NYC"]), "BOS")
        for destination in (*sorted(cities()["LON"]), "CDG")
        for departure in departures
        for back in (None, *(departure + timedelta(days=nights) for nights in range(16)))
    ]
    expected = {board for board in everywhere if board.departure_date >= first and allowing.want(board, anyone)}
    assert set(found) == expected
    assert len(found) == len(expected), "each of them once"
    assert asking.count_dates(first) == len({(board.departure_date, board.return_date) for board in found})


@given(some_filters, st.lists(some_fares, max_size=12))
def test_columns_of_fares_are_wanted_as_single_fares_are(asking: Filters, fares: list[Fare]) -> None:
    days_and_airports = {"origin_airports": None, "destination_airports": None, "weekdays": None, "round_trip": False}
    anywhere = but(asking, departure_from=DAY, departure_to=DAY, **days_and_airports)
    keys = np.array([pack_fare(fare) for fare in fares], dtype=np.uint64)
    assert [unpack_fare(int(key)) for key in keys] == fares
    assert anywhere.want_fares(keys).tolist() == [anywhere.want(BOARD, fare) for fare in fares]


def test_an_alert_whose_days_are_over_has_no_boards() -> None:
    assert ANY.boards(DAY + timedelta(days=10)).tolist() == []
    assert len(ANY.boards(DAY + timedelta(days=9))) == len(ANY.origins) * len(ANY.destinations)


@pytest.mark.parametrize(
    ("hour", "first"),
    [(0, date(2026, 12, 23)), (11, date(2026, 12, 23)), (12, DAY), (23, DAY)],
)
def test_a_day_counts_as_long_as_it_lasts_somewhere(hour: int, first: date) -> None:
    assert first_departure(datetime(2026, 12, 24, hour, 59, tzinfo=UTC)) == first


def test_filters_are_read_from_a_row_by_the_names_of_its_columns() -> None:
    row = {name: getattr(ANY, name) for name in Filters.__dataclass_fields__} | {"cabin": 3, "id": "unrelated"}
    assert Filters.of(row) == but(ANY, cabin=3)
