"""Rates from look to look, and the time that a cycle still takes."""

import pytest

from fleet.status.pace import WINDOW_S, Pace, seconds_left


def test_one_look_knows_no_rate() -> None:
    pace = Pace()
    assert pace.per_second("fares") is None
    pace.see(5.0, {("a", "fares"): 1_000})
    assert pace.per_second("fares") is None


def test_a_rate_is_the_growth_in_all_processes_together() -> None:
    pace = Pace()
    pace.see(5.0, {("a", "fares"): 1_000, ("b", "fares"): 7})
    pace.see(7.0, {("a", "fares"): 1_600, ("b", "fares"): 7})
    assert pace.per_second("fares") == 300
    assert pace.per_second("nobody counts this") is None


def test_a_process_that_was_started_again_counts_from_zero() -> None:
    pace = Pace()
    pace.see(0.0, {("a", "fares"): 1_000})
    pace.see(2.0, {("a", "fares"): 60})
    assert pace.per_second("fares") == 30


def test_a_new_process_adds_nothing_at_first_and_one_that_was_silent_what_it_did_meanwhile() -> None:
    pace = Pace()
    pace.see(0.0, {("a", "fares"): 1_000})
    pace.see(1.0, {("b", "fares"): 5_000})
    assert pace.per_second("fares") == 0
    pace.see(2.0, {("a", "fares"): 1_200, ("b", "fares"): 5_000})
    assert pace.per_second("fares") == 100


def test_what_is_older_than_the_window_does_not_count() -> None:
    pace = Pace()
    for second in range(31):
        pace.see(float(second), {("a", "fares"): 10_000 if second < 15 else 10_000 + 10 * (second - 15)})
    assert pace.seconds == WINDOW_S
    assert pace.per_second("fares") == 10


def test_looks_that_are_far_apart_make_a_rate_all_the_same() -> None:
    pace = Pace()
    pace.see(0.0, {("a", "fares"): 0})
    pace.see(60.0, {("a", "fares"): 600})
    assert pace.per_second("fares") == 10


@pytest.mark.parametrize(
    ("counts", "rates", "left"),
    [
        ({"published": 100, "compared": 100, "changed": 20, "matched": 20, "claimed": 2, "told": 2}, {}, 0.0),
        ({"published": 100, "compared": 60}, {"compared": 10.0}, 4.0),
        ({"published": 100, "compared": 60, "changed": 20, "matched": 8}, {"compared": 10.0, "matched": 1.0}, 12.0),
        ({"published": 100, "compared": 60}, {"compared": 0.0}, None),
        ({"compared": 60}, {"compared": 10.0}, 0.0),  # fares that somebody published by hand
        ({}, {}, 0.0),
    ],
)
def test_a_cycle_takes_as_long_as_its_slowest_stage(
    counts: dict[str, int], rates: dict[str, float | None], left: float | None
) -> None:
    assert seconds_left(counts, rates, age=30.0) == left


def test_at_the_first_look_the_pace_since_the_start_counts() -> None:
    assert seconds_left({"published": 100, "compared": 60}, {"compared": None}, age=30.0) == 20.0
