"""Each matched alert fires once, by its best change, and then waits for a better one."""

from fractions import Fraction
from math import floor
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.alert_worker.matching import Candidate, Claim, Match, claims, next_armed_price

ALICE, BOB = UUID(int=1), UUID(int=2)


def match(alert: UUID, position: int) -> Match:
    return Match(alert_id=alert, user_id=UUID(int=alert.int + 100), armed_price=50_000, fire_seq=3, position=position)


def candidates(*prices_and_keys: tuple[int, int, int]) -> list[Candidate]:
    return [Candidate(*key, position) for position, key in enumerate(prices_and_keys)]


def test_an_alert_fires_by_the_cheapest_change() -> None:
    found = claims([match(ALICE, position) for position in range(3)], candidates((300, 1, 1), (100, 9, 9), (200, 0, 0)))

    assert found == [Claim(match(ALICE, 1), price=100, next_armed_price=98)]


@pytest.mark.parametrize(
    "keys",
    [
        [(100, 2, 1), (100, 1, 9)],  # the lower board first
        [(100, 1, 7), (100, 1, 3)],  # then the lower fare
        [(100, 2**62, 2**64 - 1), (100, 2**62, 2**64 - 2)],
    ],
)
def test_of_equal_prices_the_lower_fare_key_fires_whatever_came_first(keys: list[tuple[int, int, int]]) -> None:
    lowest = min(keys)
    for order in (keys, keys[::-1]):
        (claim,) = claims([match(ALICE, 0), match(ALICE, 1)], candidates(*order))
        assert order[claim.match.position] == lowest


def test_several_alerts_may_fire_by_one_change_and_one_alert_fires_once() -> None:
    matches = [match(ALICE, 0), match(BOB, 0), match(ALICE, 1), match(BOB, 0)]

    found = claims(matches, candidates((300, 1, 1), (200, 1, 2)))

    assert [(claim.match.alert_id, claim.match.position, claim.price) for claim in found] == [
        (ALICE, 1, 200),
        (BOB, 0, 300),
    ]


def test_without_matches_nothing_fires() -> None:
    assert claims([], candidates((300, 1, 1))) == []


def test_a_claim_counts_its_alerts_firings_on() -> None:
    (claim,) = claims([match(ALICE, 0)], candidates((300, 1, 1)))
    assert claim.fire_seq == 4


alerts = st.builds(UUID, int=st.integers(1, 5))


@given(
    st.lists(st.tuples(st.integers(1, 4), st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=8, unique=True),
    st.data(),
)
def test_the_choice_does_not_depend_on_the_order_of_matches(
    keys: list[tuple[int, int, int]], data: st.DataObject
) -> None:
    pairs = st.tuples(alerts, st.integers(0, len(keys) - 1))
    matches = [match(*pair) for pair in data.draw(st.lists(pairs), label="matches")]
    shuffled = data.draw(st.permutations(matches), label="shuffled")

    found = {claim.match.alert_id: claim for claim in claims(matches, candidates(*keys))}

    assert found == {claim.match.alert_id: claim for claim in claims(shuffled, candidates(*keys))}
    assert {alert: keys[claim.match.position] for alert, claim in found.items()} == {
        alert: min(keys[other.position] for other in matches if other.alert_id == alert) for alert in found
    }
    assert found.keys() == {other.alert_id for other in matches}


@pytest.mark.parametrize(("fired", "armed"), [(10_000, 9_800), (9_999, 9_799), (51, 49), (50, 49), (1, 0), (0, 0)])
def test_the_next_armed_price_is_98_percent_rounded_down(fired: int, armed: int) -> None:
    assert armed == next_armed_price(fired)


@given(st.integers(1, 2**45))
def test_the_price_that_fired_never_fires_again(fired: int) -> None:
    assert next_armed_price(fired) == floor(fired * Fraction(98, 100))
    assert next_armed_price(fired) < fired
