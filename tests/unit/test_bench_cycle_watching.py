"""A watch of a measured cycle holds a bounded number of looks, and gives up when nothing moves any more."""

from dataclasses import replace

import pytest

from fleet.bench.cycle.samples import Series
from fleet.bench.cycle.watching import PATIENCE_S, check
from fleet.bench.patience import Patience, StuckError
from fleet.chain import Look
from shared.management import Depth
from shared.topology import FARES_INGEST
from tests.unit.bench_cycles import seen_at

STILL = Look({}, {"farelark_messages_total": 5})


def test_the_looks_of_a_long_run_stay_few_and_keep_their_ends() -> None:
    series = Series()
    for number in range(100_000):
        series.add(seen_at(number))
    assert 900 < len(series.samples) <= 2_000
    assert series.samples[0] == seen_at(0)
    assert series.samples[-2:] == [seen_at(99_998), seen_at(99_999)]
    instants = [one.at for one in series.samples]
    assert instants == sorted(instants)


def test_the_looks_of_a_short_run_are_all_kept() -> None:
    series = Series()
    for number in range(1_000):
        series.add(seen_at(number))
    assert series.samples == [seen_at(number) for number in range(1_000)]


def test_who_sees_no_movement_for_two_minutes_gives_up_and_says_what_is_left() -> None:
    patience = Patience(PATIENCE_S)
    still = Look({FARES_INGEST.name: Depth(ready=3, in_hand=4)}, STILL.metrics)
    check(patience, still, seen_at(0), left=700)
    check(patience, still, seen_at(120), left=700)
    with pytest.raises(StuckError, match=r"nothing has moved for 120 s: 700 to go; .*: fares\.ingest 3\+4$"):
        check(patience, still, seen_at(120.5), left=700)


@pytest.mark.parametrize("movement", ["counter", "messages", "left"])
def test_any_movement_gives_another_two_minutes(movement: str) -> None:
    patience, look, seen, left = Patience(PATIENCE_S), STILL, seen_at(119), 700
    check(patience, look, seen_at(0), left)
    if movement == "counter":
        seen = replace(seen, done={**seen.done, "pushes": 1})
    elif movement == "messages":
        look = Look({}, {"farelark_messages_total": 6})
    else:
        left = 699
    check(patience, look, seen, left)
    check(patience, look, replace(seen, at=seen.at + 119), left)
    with pytest.raises(StuckError):
        check(patience, look, replace(seen, at=seen.at + 121), left)
