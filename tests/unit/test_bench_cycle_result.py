"""The figures of a measured cycle come from what was seen, and its books are checked line by line."""

from dataclasses import replace

import pytest

from fleet.bench.cycle import result
from fleet.bench.cycle.result import Ledger, Process, Queue, Stage
from fleet.bench.processes import Usage
from tests.unit.bench_cycles import BALANCED, BEGAN, SAMPLES, measured, seen_at


def test_a_stage_lasts_from_the_last_look_before_its_first_count_to_the_first_with_its_last() -> None:
    samples = [seen_at(at, done) for at, done in ((0, 0), (1, 0), (2, 300), (3, 600), (4, 900), (5, 900), (6, 900))]
    assert result.stages(samples)["price"] == Stage(seconds=3.0, per_second=300)


def test_a_stage_that_had_nothing_to_do_took_no_time() -> None:
    assert result.stages([seen_at(0), seen_at(1)])["notifier"] == Stage(seconds=0.0, per_second=0)


def test_what_was_counted_before_the_first_look_is_not_of_the_stage() -> None:
    samples = [seen_at(0, 100), seen_at(1, 100), seen_at(2, 200)]
    assert result.stages(samples)["alerts"] == Stage(seconds=1.0, per_second=100)


def test_processes_are_listed_by_the_processor_time_of_the_cycle_with_the_peak_of_the_whole_run() -> None:
    first, last = seen_at(0, cpu_seconds=5), seen_at(1, cpu_seconds=6.5)
    last = replace(last, used={**last.used, "redis": Usage(9, 100)})
    later = seen_at(2, cpu_seconds=50, memory_mb=250)
    assert result.processes([first, last], [first, last, later]) == [
        Process("redis", 4, 250),
        Process("bench", 1.5, 250),
        Process("price_worker", 1.5, 250),
    ]


def test_a_process_that_began_after_the_first_look_had_used_nothing_by_then() -> None:
    first, last = seen_at(0), seen_at(1)
    last = replace(last, used={**last.used, "publisher": Usage(0.7, 50)})
    assert result.processes([first, last], [first, last])[0] == Process("publisher", 0.7, 50)


def test_of_a_queue_the_fullest_looks_count() -> None:
    samples = [seen_at(0, ready=3), replace(seen_at(1, ready=9), in_hand={"fares.ingest": 1, "changes.alerts": 0})]
    assert result.queues(samples) == [Queue("fares.ingest", 9, 4), Queue("changes.alerts", 9, 8)]


def test_balanced_books_have_no_faults() -> None:
    assert BALANCED.faults() == []


@pytest.mark.parametrize(
    ("books", "fault"),
    [
        (replace(BALANCED, changes=199), "199 changes were published, 200 are expected"),
        (replace(BALANCED, claims=13), "alerts fired 13 times, 12 notifications are recorded"),
        (replace(BALANCED, kept_back={}), "12 notifications are recorded, 10 are sent or kept back for good"),
        (replace(BALANCED, pushes=11), "10 notifications are sent, the stand-in accepted 11 pushes"),
        (replace(BALANCED, set_aside=4), "4 documents are set aside"),
        (replace(BALANCED, dead_lettered=1), "1 messages are dead letters"),
    ],
)
def test_each_line_of_the_books_is_checked_by_itself(books: Ledger, fault: str) -> None:
    assert books.faults() == [fault]


def test_the_cycle_begins_with_the_last_look_before_the_first_batch() -> None:
    seen = measured().seen
    seen = replace(seen, samples=[seen_at(-9), *SAMPLES])
    assert list(seen.cycle) == list(SAMPLES)


def test_a_cycle_takes_until_its_last_push() -> None:
    assert measured().seen.seconds == pytest.approx(2.5), "the last changes were looked up after the last push"
    seen = measured().seen
    later = replace(seen, sent=seen.sent._replace(last=BEGAN + 7.25))
    assert later.seconds == pytest.approx(7.25)
