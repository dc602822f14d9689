"""The match looks so far above a fare's previous price that no move of the rates makes an alert deaf."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.rates.reach import Snapshot, lift, reach
from shared.money import Factor, Rates

FIRST = datetime(2026, 11, 20, tzinfo=UTC)
MOVED = ("USD", "TRY", "JPY")

factors = st.tuples(st.integers(50, 150), st.just(100))


def snapshots(*days: dict[str, Factor]) -> list[Snapshot]:
    """A snapshot a day."""
    return [
        Snapshot(Rates(FIRST.date() + timedelta(days=day), "EUR", {"EUR": (1, 1)} | moved), FIRST + timedelta(days=day))
        for day, moved in enumerate(days)
    ]


def after(days: float) -> datetime:
    return FIRST + timedelta(days=days)


def of_dollars(*hundredths: int) -> list[Snapshot]:
    return snapshots(*({"USD": (each, 100)} for each in hundredths))


def test_rates_that_have_never_moved_reach_no_further_than_the_price() -> None:
    assert reach(of_dollars(80), {"USD": FIRST}) == 1
    assert reach(of_dollars(80, 80, 80), {"USD": FIRST, "EUR": FIRST}) == 1
    assert reach(of_dollars(80, 160), {}) == 1


@pytest.mark.parametrize(
    ("dollars", "currency", "since", "expected"),
    [
        ((80, 88), "USD", 0.5, 1.1),  # the alert is lifted
        ((88, 80), "EUR", 0.5, 1.1),  # the fare is pressed
        ((88, 80), "USD", 0.5, 1),  # alert and fare are pressed together
        ((80, 88), "EUR", 0.5, 1),
        ((80, 88), "USD", 1.5, 1),  # set after the move
        ((80, 100, 88), "EUR", 0.5, 1.136),  # the fare stood higher in between
        ((80, 100, 88), "EUR", 2.5, 1),
        ((40, 80, 88), "USD", 1.5, 1.1),  # set after the first move
    ],
)
def test_the_furthest_of_the_moves_since_the_price_was_set_counts(
    dollars: Sequence[int], currency: str, since: float, expected: float
) -> None:
    assert reach(of_dollars(*dollars), {currency: after(since)}) == pytest.approx(expected, abs=5e-4)


def test_a_clock_that_is_off_by_minutes_hides_no_move() -> None:
    assert reach(of_dollars(80, 88), {"USD": after(1) + timedelta(minutes=30)}) > 1.09


def test_a_currency_that_was_unknown_then_had_no_alert_to_lift() -> None:
    days = snapshots({"USD": (80, 100)}, {"USD": (88, 100), "KWD": (3, 1)})
    assert reach(days, {"KWD": FIRST}) == 1


@given(
    st.lists(st.fixed_dictionaries(dict.fromkeys(MOVED, factors)), min_size=1, max_size=6),
    st.sampled_from(MOVED),
    st.sampled_from(MOVED),
    st.integers(0, 5),
    st.data(),
)
def test_an_armed_price_that_was_once_below_a_fare_is_within_reach_of_it(
    days: list[dict[str, Factor]], of_alert: str, of_fare: str, set_on: int, data: st.DataObject
) -> None:
    """And before the reach is settled, what it is widened to reaches as far, also at mixed rates."""
    history = snapshots(*days)
    since = min(set_on, len(days) - 1)
    then = data.draw(st.sampled_from(history[since:])).rates
    now = history[-1].rates
    # The lowest quoted price that was above the armed price then, if prices had no smallest unit.
    quoted = Fraction(*then.factors[of_alert]) / Fraction(*then.factors[of_fare])

    def stretch(alert_at: Rates, fare_at: Rates) -> Fraction:
        return Fraction(*alert_at.factors[of_alert]) / (quoted * Fraction(*fare_at.factors[of_fare]))

    assert reach(history, {of_alert: after(since + 0.5)}) >= stretch(now, now)

    coming = Rates(
        date(2027, 1, 1), "EUR", {"EUR": (1, 1)} | data.draw(st.fixed_dictionaries(dict.fromkeys(MOVED, factors)))
    )
    widened = reach(history, {of_alert: after(since + 0.5)}) * lift(now, coming, coming.factors.keys())
    for alert_at, fare_at in ((now, now), (now, coming), (coming, now), (coming, coming)):
        assert widened * (1 + 1e-12) >= stretch(alert_at, fare_at)
