"""What is low, typical and high among the best prices of some days."""

from hypothesis import given
from hypothesis import strategies as st

from shared.price_history.percentiles import TypicalPrice


def test_of_twenty_days_two_were_at_the_low_ten_at_the_typical_and_eighteen_at_the_high_price() -> None:
    assert TypicalPrice(1, 2, 10, 18, 20) == TypicalPrice.of(range(20, 0, -1))


def test_of_a_single_day_all_are_its_price() -> None:
    assert TypicalPrice(7, 7, 7, 7, 1) == TypicalPrice.of([7])


@given(st.lists(st.integers(1, 50), min_size=1, max_size=365))
def test_each_is_the_first_price_that_enough_days_do_not_exceed(lows: list[int]) -> None:
    price = TypicalPrice.of(lows)
    assert min(lows) == price.lowest
    for percent, share in ((10, price.low), (50, price.typical), (90, price.high)):
        assert share in lows
        assert sum(low <= share for low in lows) * 100 >= percent * len(lows)
        assert sum(low < share for low in lows) * 100 < percent * len(lows)
