"""The rules of comparing fares one by one, as a reader would look them up."""

from datetime import timedelta

from tests.unit.boards_in_memory import FACTORS, LONG_AGO, Worker, at, changes_of, milliseconds
from tests.unit.fare_model import Change, Factors
from tests.unit.fares import Document, columns_of, fare


def history(*sightings: Document, factors: tuple[Factors, ...] = (FACTORS[0],) * 9) -> list[Change]:
    """The changes that these sightings make, one batch each, at these rates."""
    worker = Worker()
    found: list[Change] = []
    for sighting, rates in zip(sightings, factors, strict=False):
        fares = columns_of(sighting)
        found += changes_of(fares, worker.work_in(fares, rates, LONG_AGO)).values()
    return found


def seen(price: int, minute: int, source: str = "test") -> Document:
    return fare(price=price, observed_at=at(timedelta(minutes=minute - 10)), source=source)


def test_a_first_sight_is_a_change_without_a_previous_price() -> None:
    assert history(seen(1000, 1)) == [Change(1000, 800, None, None)]


def test_a_price_that_moves_is_a_change_each_time() -> None:
    assert history(seen(1000, 1), seen(900, 2), seen(1000, 3))[1:] == [
        Change(900, 720, 1000, 800),
        Change(1000, 800, 900, 720),
    ]


def test_the_same_price_again_is_no_change_even_if_the_rates_have_moved() -> None:
    assert len(history(seen(1000, 1), seen(1000, 2), seen(1000, 3), factors=(*FACTORS, FACTORS[0]))) == 1


def test_an_older_observation_has_no_effect() -> None:
    assert len(history(seen(1000, 2), seen(900, 1))) == 1


def test_of_two_prices_at_one_instant_the_cheaper_wins_in_either_order() -> None:
    assert history(seen(1000, 1), seen(900, 1))[1:] == [Change(900, 720, 1000, 800)]
    assert history(seen(900, 1), seen(1000, 1))[1:] == []


def test_of_two_sightings_in_one_batch_the_later_counts_and_at_one_instant_the_cheaper() -> None:
    for batch in ([seen(1000, 1), seen(1100, 2), seen(1050, 2)], [seen(1050, 2), seen(1100, 2), seen(1000, 1)]):
        fares = columns_of(*batch)
        changes = changes_of(fares, Worker().work_in(fares, FACTORS[0], LONG_AGO))
        assert list(changes.values()) == [Change(1050, 840, None, None)]


def test_within_a_window_a_worse_source_does_not_overwrite_a_better_one_and_afterwards_it_does() -> None:
    assert history(seen(1000, 1, "better"), seen(900, 2))[1:] == []
    assert history(seen(1000, 1, "better"), seen(900, 4))[1:] == [Change(900, 720, 1000, 800)]


def test_a_better_source_overwrites_at_once_also_what_a_worse_one_saw_a_little_later() -> None:
    assert history(seen(1000, 2), seen(900, 2, "better"))[1:] == [Change(900, 720, 1000, 800)]
    assert history(seen(1000, 3), seen(1100, 2, "better"))[1:] == [Change(1100, 880, 1000, 800)]
    assert history(seen(1000, 5), seen(1100, 2, "better"))[1:] == []


def test_in_one_batch_the_better_source_counts_too() -> None:
    for batch in ([seen(1000, 1, "better"), seen(900, 2)], [seen(900, 2), seen(1000, 1, "better")]):
        fares = columns_of(*batch)
        changes = changes_of(fares, Worker().work_in(fares, FACTORS[0], LONG_AGO))
        assert list(changes.values()) == [Change(1000, 800, None, None)]


def test_the_previous_price_counts_at_the_higher_of_the_rates_then_and_today() -> None:
    cheaper_dollar, dearer_dollar = FACTORS
    risen = history(seen(1000, 1), seen(990, 2), factors=(cheaper_dollar, dearer_dollar))
    fallen = history(seen(1000, 1), seen(990, 2), factors=(dearer_dollar, cheaper_dollar))

    assert risen[1] == Change(990, 866, 1000, 875)  # at once 875 today, though it was 800 then
    assert fallen[1] == Change(990, 792, 1000, 875)  # still 875 as it was then, though 800 today


def test_the_reference_amount_stays_that_of_the_first_sight_of_a_price() -> None:
    changes = history(seen(1000, 1), seen(1000, 2), seen(990, 3), factors=(FACTORS[1], FACTORS[0], FACTORS[0]))
    assert changes[-1].previous_reference == 875


def test_a_row_that_nobody_confirms_leaves_its_board_when_that_is_next_written() -> None:
    worker = Worker()
    other_board = fare(origin="CDG", observed_at=at(timedelta(minutes=-9)))
    worker.work_in(columns_of(seen(1, 1), other_board), FACTORS[0], LONG_AGO)

    worker.work_in(columns_of(fare(flight_number="2")), FACTORS[0], milliseconds(timedelta(hours=-7)))
    assert {board[0]: len(rows) for board, rows in worker.boards.items()} == {"JFK": 2, "CDG": 1}

    worker.work_in(
        columns_of(fare(flight_number="3", observed_at=at(timedelta()))),
        FACTORS[0],
        milliseconds(timedelta(minutes=-1)),
    )
    assert {board[0]: [key[1] for key in rows] for board, rows in worker.boards.items()} == {
        "JFK": ["3"],
        "CDG": ["117"],  # stale as well, but nobody wrote this board
    }


def test_a_row_that_nobody_confirms_counts_as_never_seen_at_any_price() -> None:
    for price in (900, 1000, 1100):
        worker = Worker()
        worker.work_in(
            columns_of(seen(1000, 1), fare(flight_number="2", observed_at=at(timedelta()))), FACTORS[0], LONG_AGO
        )

        again = columns_of(seen(price, 9))
        changes = changes_of(again, worker.work_in(again, FACTORS[1], milliseconds(timedelta(minutes=-8))))

        assert list(changes.values()) == [Change(price, price * 7 // 8 + (price % 8 >= 4), None, None)]
        (rows,) = worker.boards.values()
        assert {key[1]: row.price for key, row in rows.items()} == {"117": price, "2": 39900}


def test_a_row_lives_to_the_last_millisecond_of_its_lifetime() -> None:
    worker = Worker()
    worker.work_in(columns_of(seen(1000, 1)), FACTORS[0], LONG_AGO)
    confirmed = milliseconds(timedelta(minutes=-9))

    for stale_before, found in ((confirmed, 0), (confirmed + 1, 1)):
        still = columns_of(seen(1000, 9))
        assert found == len(Worker(dict(worker.values)).work_in(still, FACTORS[0], stale_before).changes.row)


def test_rates_that_move_there_and_back_make_no_change_and_leave_the_first_amount() -> None:
    there_and_back = (FACTORS[0], FACTORS[1], FACTORS[0], FACTORS[1])
    changes = history(seen(1000, 1), seen(1000, 2), seen(1000, 3), seen(990, 4), factors=there_and_back)
    assert changes == [Change(1000, 800, None, None), Change(990, 866, 1000, 875)]


def test_a_rise_in_the_quoted_price_is_a_rise_however_cheap_rates_make_it() -> None:
    """Whoever reads the change sees by its quoted prices that nothing fell."""
    _, rise = history(seen(1000, 1), seen(1010, 2), factors=(FACTORS[1], FACTORS[0]))
    assert rise == Change(1010, 808, 1000, 875)


def test_a_batch_without_valid_fares_touches_nothing() -> None:
    comparison = Worker().work_in(columns_of(), FACTORS[0], LONG_AGO)
    assert not comparison.values
    assert not len(comparison.changes.row)
