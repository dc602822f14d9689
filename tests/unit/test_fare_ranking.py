"""The order in which fares are given, against a plain one."""

from typing import Any, get_args

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.alerts_api.fares.ranking import Found, latest, ordered
from services.alerts_api.fares.resources import OrderBy, SortBy

# Flight, departure, instant of observation, converted price: 0 is unknown.
Row = tuple[int, int, int, int]
FEW = st.integers(0, 3)
ROWS = st.lists(st.tuples(FEW, FEW, FEW, FEW), max_size=12)


def found(rows: list[Row]) -> tuple[Found, Any]:
    flight, departure, observed_at, price = np.array(rows, dtype=np.int64).reshape(-1, 4).T
    return Found(flight, departure, observed_at, price, np.zeros_like(price), lambda at: {"at": at}), price


@given(ROWS, st.sampled_from(get_args(SortBy)), st.sampled_from(get_args(OrderBy)))
def test_fares_stand_in_the_order_asked_for_then_by_price_and_departure(
    rows: list[Row], sort_by: SortBy, order_by: OrderBy
) -> None:
    """One without a known price stands after all that have one, whichever way the order goes."""

    def rank(row: Row) -> tuple[float, ...]:
        price = row[3] or float("inf")
        leading = {"price": price, "observed_at": row[2], "departure_date": row[1]}[sort_by]
        downward = order_by == "desc" and leading != float("inf")
        return (-leading if downward else leading, price, row[1])

    order = ordered(*found(rows), sort_by, order_by)
    assert [rows[at] for at in order] == sorted(rows, key=rank)


@given(ROWS)
def test_of_each_flight_the_newest_fare_is_the_latest_of_equals_the_cheapest(rows: list[Row]) -> None:
    chosen = [row for row, is_latest in zip(rows, latest(*found(rows)), strict=True) if is_latest]
    flights = {row[0] for row in rows}
    assert sorted(row[0] for row in chosen) == sorted(flights)
    for flight, _, observed_at, price in chosen:
        best = min((-row[2], row[3] or float("inf")) for row in rows if row[0] == flight)
        assert best == (-observed_at, price or float("inf"))
