"""The changes that can fire an alert go to the shard of their route, and no others go anywhere."""

from datetime import date

import pytest

from services.alert_worker.falls import NEVER_SEEN, Falls, falls_by_shard
from shared.shard_map import ShardMap
from tests.unit.fares import Document, change, changes_of

FOUR = ShardMap.even([f"postgresql://shard{number}/farelark" for number in range(4)])
ONE = ShardMap.even(["postgresql://shard0/farelark"])


def only_part(*documents: Document) -> Falls:
    (part,) = falls_by_shard(changes_of(*documents), ONE).values()
    return part


def moved(previous: int | None, now: int) -> Document:
    quoted = None if previous is None else 45000
    return change(previous_price=quoted, previous_reference_price=previous, reference_price=now)


def test_only_what_fell_in_the_reference_currency_can_fire_an_alert() -> None:
    part = only_part(moved(500, 501), moved(500, 500), moved(500, 499), moved(500, 1))

    assert part.prices == [499, 1]
    assert part.previous == [500, 500]
    assert part.rows["reference_price"].to_pylist() == [499, 1]


def test_a_quoted_fall_that_the_rates_made_up_for_is_none() -> None:
    cheaper_quote = change(price=39900, previous_price=45000, reference_price=500, previous_reference_price=500)
    assert falls_by_shard(changes_of(cheaper_quote), ONE) == {}


def test_a_fare_that_was_never_seen_falls_from_infinity() -> None:
    part = only_part(moved(None, 10**15))

    assert part.previous == [NEVER_SEEN]
    assert NEVER_SEEN == 2**63 - 1
    assert part.rows["previous_price"].to_pylist() == [None]


def test_return_fares_are_left_out() -> None:
    part = only_part(change(return_date="2027-01-03", reference_price=1), change(reference_price=2))

    assert part.prices == [2]


def test_batches_without_falls_have_no_parts() -> None:
    assert falls_by_shard(changes_of(moved(500, 501)), FOUR) == {}
    assert falls_by_shard(changes_of(), FOUR) == {}


def test_airports_of_one_city_share_a_route() -> None:
    documents = [change(origin=origin, destination=to) for origin in ("JFK", "EWR", "LGA") for to in ("LHR", "LTN")]

    part = only_part(*documents)

    assert set(part.routes) == {"NYC-LON"}
    assert list(zip(part.origins, part.destinations, strict=True)) == [
        (document["origin"], document["destination"]) for document in documents
    ]


@pytest.mark.parametrize("shard_map", [ONE, FOUR])
def test_each_fall_is_on_the_shard_of_its_route_with_all_that_belongs_to_it(shard_map: ShardMap) -> None:
    airports = ["JFK", "EWR", "LHR", "LTN", "BCN", "BUD", "SKP", "CDG"]
    pairs = [(origin, destination) for origin in airports for destination in airports if origin != destination]
    documents = [
        change(
            origin=origin,
            destination=destination,
            departure_date=f"2026-12-{1 + number % 28:02d}",
            reference_price=1000 + number,
        )
        for number, (origin, destination) in enumerate(pairs)
    ]
    changes = changes_of(*documents)
    found = []
    for shard, part in falls_by_shard(changes, shard_map).items():
        assert {shard_map.shard_of(route) for route in part.routes} == {shard}
        assert [candidate.position for candidate in part.candidates] == list(range(part.rows.num_rows))
        rows = part.rows.select(["origin", "destination", "departure_date", "reference_price"]).to_pylist()
        assert part.prices == [candidate.reference_price for candidate in part.candidates]
        assert rows == [
            {"origin": origin, "destination": destination, "departure_date": departure, "reference_price": price}
            for origin, destination, departure, price in zip(
                part.origins, part.destinations, part.departures, part.prices, strict=True
            )
        ]
        for row, candidate in zip(rows, part.candidates, strict=True):
            source = row["reference_price"] - 1000
            assert (candidate.board, candidate.fare) == (int(changes.board[source]), int(changes.fare[source]))
        found += part.prices

    assert sorted(found) == [1000 + number for number in range(len(pairs))]


def test_departures_are_local_dates() -> None:
    assert only_part(change(departure_date="2026-12-24")).departures == [date(2026, 12, 24)]
