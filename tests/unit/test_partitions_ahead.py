"""How long the partitions that are there will do."""

from datetime import date

import pytest

from fleet.partitions_ahead import days_covered

TODAY = date(2026, 11, 28)


@pytest.mark.parametrize(
    ("suffixes", "days"),
    [
        (set(), 0),
        ({"20261127"}, 0),
        ({"20261128"}, 1),
        ({"20261128", "20261129", "20261201"}, 2),
        ({"202611"}, 3),
        ({"202611", "202612"}, 34),
        ({"202612"}, 0),
        ({"202611", "202701"}, 3),
    ],
)
def test_days_count_from_today_to_the_first_that_has_no_partition(suffixes: set[str], days: int) -> None:
    assert days_covered(suffixes, TODAY) == days
