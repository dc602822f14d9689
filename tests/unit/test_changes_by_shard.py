"""Changes go to the shard of their route with all that belongs to them."""

from datetime import date
from typing import Any

import pytest

from shared.changes_by_shard import Part, parts_by_shard
from shared.messages.fare_key import Board, Fare, pack_board, pack_fare
from shared.shard_map import ShardMap, bucket_of
from tests.unit.fares import Document, change, changes_of

ONE, FOUR = ShardMap.even(1), ShardMap.even(4)


def only_part(*documents: Document) -> Part:
    ((_, part),) = parts_by_shard(changes_of(*documents), ONE)
    return part


def test_no_changes_are_parted_into_nothing() -> None:
    assert dict(parts_by_shard(changes_of(), FOUR)) == {}


def test_a_change_is_told_with_its_keys_and_route() -> None:
    part = only_part(
        change(origin="EWR", carrier=None, flight_number=None, departure_time=None, cabin="first", stops=2),
        change(return_date="2027-01-03"),
    )
    board, fare = part.keys(0)
    assert board == pack_board(Board("EWR", "LHR", date(2026, 12, 24), None))
    assert fare == pack_fare(Fare(None, None, None, "first", 2, "USD"))
    assert part.keys(1)[0] == pack_board(Board("JFK", "LHR", date(2026, 12, 24), date(2027, 1, 3)))
    assert [part.route(0), part.route(1)] == ["NYC-LON"] * 2
    assert part.buckets == {bucket_of("NYC-LON")}


def test_a_board_says_where_and_when_its_fares_go() -> None:
    part = only_part(change(), change(return_date="2027-01-03"))
    christmas, third = ((date(*day) - date(1970, 1, 1)).days for day in ((2026, 12, 24), (2027, 1, 3)))
    assert part.places == [("NYC-LON", "JFK", "LHR")] * 2
    assert part.departure.tolist() == [christmas] * 2
    assert part.returning.tolist() == [0, third]


def test_changes_on_some_boards_are_found_by_their_keys() -> None:
    part = only_part(change(), change(flight_number="118"), change(origin="EWR"))
    board = part.keys(0)[0]
    assert part.positions_on({board}) == {part.keys(0): 0, part.keys(1): 1}
    assert part.positions_on({board, 7}) == part.positions_on({board})
    assert part.positions_on(set()) == {}


@pytest.mark.parametrize("shard_map", [ONE, FOUR])
def test_each_change_is_on_the_shard_of_its_route_with_all_that_belongs_to_it(shard_map: ShardMap) -> None:
    airports = ["JFK", "EWR", "LHR", "LTN", "BCN", "BUD", "SKP", "CDG"]
    pairs = [(origin, destination) for origin in airports for destination in airports if origin != destination]
    documents = [
        change(
            origin=origin,
            destination=destination,
            departure_date=f"2026-12-{1 + number % 28:02d}",
            reference_price=1_000 + number,
            price=30_000 + number,
        )
        for number, (origin, destination) in enumerate(pairs)
    ]
    changes = changes_of(*documents)
    found: list[int] = []
    for shard, part in parts_by_shard(changes, shard_map):
        rows: list[dict[str, Any]] = part.rows.to_pylist()
        for position, row in enumerate(rows):
            source = row["reference_price"] - 1_000
            assert part.keys(position) == (int(changes.board[source]), int(changes.fare[source]))
            assert (row["origin"], row["destination"]) == pairs[source]
            assert shard_map.shard_of(part.route(position)) == shard
            assert (part.price[position], part.reference[position]) == (30_000 + source, 1_000 + source)
            assert (part.previous[position], part.previous_reference[position]) == (45_000, 40_600)
            found.append(source)
    assert sorted(found) == list(range(len(pairs)))
