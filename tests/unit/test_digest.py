"""Several firings in one push."""

from datetime import date
from itertools import permutations

import pytest

from services.notifier.digest import Digest, Item, compose
from tests.unit.notices import TRAVELLER, firing

CHRISTMAS, NEW_YEAR, EPIPHANY = date(2026, 12, 24), date(2026, 12, 31), date(2027, 1, 6)


def test_one_firing_is_a_digest_of_itself() -> None:
    alone = firing()
    assert Digest(alone.id, TRAVELLER, (Item(alone, 0),)) == compose([alone])


def test_an_alert_tells_of_its_cheapest_fare() -> None:
    cheapest, dearer = firing(1, 1, price=8_000), firing(1, 2, price=9_000)
    assert [cheapest] == [item.best for item in compose([dearer, cheapest]).items]


@pytest.mark.parametrize("later", [{"fire_seq": 3}, {"fire_seq": 1, "revision": 1}])
def test_of_equally_cheap_fares_it_tells_of_the_latest(later: dict[str, int]) -> None:
    early, late = firing(1, fire_seq=2), firing(1, **later)  # type: ignore[arg-type]  # only numbers are given
    assert [late] == [item.best for item in compose([early, late]).items]


def test_other_dates_are_counted_once_each_and_without_those_of_the_best() -> None:
    best = firing(1, 9, price=7_000, departure=CHRISTMAS, returning=EPIPHANY)
    others = [
        firing(1, 1, departure=CHRISTMAS, returning=EPIPHANY),
        firing(1, 2, departure=CHRISTMAS, returning=NEW_YEAR),
        firing(1, 3, departure=CHRISTMAS),
        firing(1, 4, departure=NEW_YEAR, returning=EPIPHANY),
        firing(1, 5, price=8_000, departure=NEW_YEAR, returning=EPIPHANY),
        firing(2, 1, departure=EPIPHANY, previous=None),
    ]
    items = {item.best.alert_id: item.other_dates for item in compose([*others, best]).items}
    assert {best.alert_id: 3, others[-1].alert_id: 0} == items


def test_the_greatest_fall_leads_whatever_the_order() -> None:
    deep, shallow = firing(1, price=5_000), firing(2, price=9_500)
    unknown, other_unknown = firing(3, price=100, previous=None), firing(4, price=100, previous=None)
    expected = [deep, shallow, *sorted([unknown, other_unknown], key=lambda one: one.id)]
    for order in permutations(expected):
        digest = compose(order)
        assert deep.id == digest.id
        assert expected == [item.best for item in digest.items]


def test_the_cheapest_fare_of_an_alert_stands_for_it_although_another_fell_deeper() -> None:
    best, deeper = firing(1, 2, price=8_000, previous=8_100), firing(1, 1, price=9_000, previous=18_000)
    assert best.id == compose([deeper, best]).id
