"""The cheapest fare on the boards that an alert wants."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.alerts.best_fare import AvailableFare, KnownFares
from shared.alerts.filters import Filters
from shared.fare_boards import layout
from shared.messages.fare_key import Board, Fare, pack_board, pack_fare, unpack_board, unpack_fare
from tests.unit.alerts import ANYTHING, DAY
from tests.unit.boards_in_memory import amounts_at

AMOUNTS = amounts_at({"EUR": (1, 1), "USD": (4, 5)})
Row = tuple[int, Fare, int, int]  # day, fare, quoted price, observed at

offers = st.builds(
    Fare,
    st.sampled_from(["BA", "U2", None]),
    st.just("1"),
    st.none(),
    st.just("economy"),
    st.integers(0, 2),
    st.sampled_from(["EUR", "USD", "XPF"]),
)
some_rows = st.lists(st.tuples(st.integers(0, 4), offers, st.integers(1, 6), st.integers(95, 105)), max_size=15)


def board(day: int) -> int:
    return pack_board(Board("JFK", "LHR", DAY + timedelta(days=day), None))


def known(rows: list[Row], stale_before: int = 0) -> KnownFares:
    """What is known of five boards with these rows."""
    by_day: dict[int, dict[int, Row]] = {day: {} for day in range(5)}
    for row in rows:
        by_day[row[0]][pack_fare(row[1])] = row
    keys = np.array([board(day) for day in by_day], dtype=np.uint64)
    boards = layout.parse([_value(fares) for fares in by_day.values()])
    return KnownFares.on(keys, boards, AMOUNTS, stale_before)


def _value(fares: dict[int, Row]) -> bytes:
    rows = np.zeros(len(fares), dtype=layout.ROW)
    everywhere = np.arange(len(fares))
    ordered = [fares[key] for key in sorted(fares)]
    rows["fare"] = sorted(fares)
    prices = np.array([row[2] for row in ordered], dtype=np.int64)
    layout.put_prices(rows, everywhere, prices, prices)
    layout.put_observations(rows, everywhere, np.array([row[3] for row in ordered], dtype=np.int64))
    return layout.next_headers([layout.ABSENT])[0] + rows.tobytes()


def euros(fare: Fare, price: int) -> int:
    return price if fare.currency == "EUR" else (2 * price * 4 + 5) // 10


@given(some_rows, st.integers(0, 5), st.sampled_from([None, ["BA"], ["U2"]]), st.sampled_from([None, 0, 1]))
def test_the_best_fare_is_the_cheapest_that_is_wanted_fresh_and_convertible(
    rows: list[Row], first: int, carriers: list[str] | None, stops: int | None
) -> None:
    asking = Filters(
        route="NYC-LON",
        departure_from=DAY + timedelta(days=1),
        departure_to=DAY + timedelta(days=3),
        carriers=carriers,
        max_stops=stops,
    )
    last_of_each = {(day, fare): (price, observed) for day, fare, price, observed in rows}
    expected = [
        AvailableFare(euros(fare, price), board(day), pack_fare(fare), price, observed)
        for (day, fare), (price, observed) in last_of_each.items()
        if observed >= 100 and fare.currency != "XPF" and day >= first and asking.want(unpack_board(board(day)), fare)
    ]
    assert known(rows, 100).best(asking, DAY + timedelta(days=first)) == min(expected, default=None)


def test_of_equals_the_one_with_the_lower_key_is_best() -> None:
    cheap = Fare("BA", "1", None, "economy", 0, "EUR")
    later = cheap._replace(flight_number="2")
    found = known([(2, cheap, 5, 100), (1, later, 5, 100), (1, cheap, 5, 100)]).best(ANYTHING, DAY)
    assert found == AvailableFare(5, board(1), pack_fare(cheap), 5, 100)


@given(some_rows)
def test_a_fare_is_found_by_its_keys_or_is_not_there(rows: list[Row]) -> None:
    fares = known(rows)
    present = {(day, pack_fare(fare)): price for day, fare, price, _ in rows if fare.currency != "XPF"}
    for day in range(5):
        for key in {pack_fare(fare) for _, fare, _, _ in rows}:
            found = fares.of(board(day), key)
            assert (found and (found.price, found.fare, found.board)) == (
                (present[day, key], key, board(day)) if (day, key) in present else None
            )


def test_several_readings_are_one() -> None:
    one, other = known([(0, Fare("BA", "1", None, "economy", 0, "EUR"), 5, 100)]), known([])
    assert len(KnownFares.joined([one, other]).fare) == 1
    assert KnownFares.joined([]).best(ANYTHING, DAY) is None
    assert KnownFares.joined([]).of(board(0), 1) is None


@pytest.mark.parametrize(("observed_at", "counts"), [(99, False), (100, True)])
def test_a_fare_counts_until_its_lifetime_is_over(observed_at: int, *, counts: bool) -> None:
    fare = Fare("BA", "1", None, "economy", 0, "EUR")
    found = known([(0, fare, 5, observed_at)], stale_before=100).best(ANYTHING, DAY)
    assert (found is not None) == counts
    assert unpack_fare(pack_fare(fare)) == fare
