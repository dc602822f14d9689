"""Changes go to the shard of their route with all that belongs to them, and falls are told from the rest."""

from datetime import date
from typing import Any

import numpy as np
import pytest

from services.alert_worker.parts import Falls, Part, parts_by_shard
from shared.alerts.rules import UNSET
from shared.conversion import ReferenceAmounts
from shared.messages.fare_key import Board, Fare, pack_board, pack_fare
from shared.shard_map import ShardMap, bucket_of
from tests.unit.boards_in_memory import amounts_at
from tests.unit.fares import Document, change, changes_of

ONE, FOUR = ShardMap.even(1), ShardMap.even(4)
RATES_THEN, RATES_NOW = amounts_at({"EUR": (1, 1), "USD": (9, 10)}), amounts_at({"EUR": (1, 1), "USD": (8, 10)})


def only_part(*documents: Document) -> Part:
    ((_, part),) = parts_by_shard(changes_of(*documents), ONE)
    return part


def falls_of(*documents: Document, amounts: ReferenceAmounts = RATES_NOW, reach: float = 1) -> Falls:
    return only_part(*documents).falls(amounts, reach)


def dollars(price: int, previous: int | None, previous_reference: int | None, reference: int = 1) -> Document:
    return change(
        price=price, previous_price=previous, previous_reference_price=previous_reference, reference_price=reference
    )


def bands(falls: Falls) -> list[tuple[int, int]]:
    return list(zip(falls.price.tolist(), falls.ceiling.tolist(), strict=True))


@pytest.mark.parametrize(
    ("document", "band"),
    [
        pytest.param(dollars(1_000, 1_100, 880), (800, 879), id="rates that stand"),
        pytest.param(dollars(1_000, 1_100, 990), (800, 989), id="dearer when it was seen before"),
        pytest.param(dollars(1_000, 1_100, 770), (800, 879), id="cheaper when it was seen before"),
        pytest.param(dollars(1_000, None, None), (800, UNSET), id="never seen"),
    ],
)
def test_a_fall_is_converted_at_the_rates_in_use_and_comes_from_the_higher_amount(
    document: Document, band: tuple[int, int]
) -> None:
    assert bands(falls_of(document)) == [band]


@pytest.mark.parametrize("amounts", [RATES_THEN, RATES_NOW])
@pytest.mark.parametrize("document", [dollars(1_001, 1_000, 900), dollars(1_000, 1_000, 2_000)])
def test_what_has_not_fallen_in_its_own_currency_is_no_fall_whatever_rates_do(
    document: Document, amounts: ReferenceAmounts
) -> None:
    assert bands(falls_of(document, amounts=amounts)) == []


@pytest.mark.parametrize(("reach", "ceiling"), [(1, 879), (1.001, 882), (1.01, 890), (2, 1_761)])
def test_where_rates_have_lifted_armed_prices_a_fall_reaches_above_where_it_came_from(
    reach: float, ceiling: int
) -> None:
    assert bands(falls_of(dollars(1_000, 1_100, 880), reach=reach)) == [(800, ceiling)]


def test_no_reach_leads_to_alerts_that_wait_for_their_baseline() -> None:
    ((_, ceiling),) = bands(falls_of(dollars(1, 2**40 - 1, 2**63 - 1), reach=5.0))
    assert ceiling < UNSET


def test_a_currency_without_a_rate_in_use_keeps_the_amounts_of_its_observation() -> None:
    document = dollars(1_000, 1_100, 660, reference=600)
    assert bands(falls_of(document, amounts=amounts_at({"EUR": (1, 1)}))) == [(600, 659)]


def test_falls_know_which_change_they_are() -> None:
    documents = [dollars(1_000 + i, 1_100 if i % 2 else 900, 880) for i in range(6)]
    part = only_part(*documents)
    falls = part.falls(RATES_NOW, 1)
    assert part.price[falls.position].tolist() == [1_001, 1_003, 1_005]


def test_a_batch_without_falls_has_none() -> None:
    assert bands(falls_of(dollars(1_001, 1_000, 900))) == []
    assert dict(parts_by_shard(changes_of(), FOUR)) == {}


def test_a_change_is_told_with_its_keys_route_and_filtered_parts() -> None:
    part = only_part(
        change(origin="EWR", carrier=None, flight_number=None, departure_time=None, cabin="first", stops=2),
        change(return_date="2027-01-03"),
    )
    board, fare = part.keys(0)
    assert board == pack_board(Board("EWR", "LHR", date(2026, 12, 24), None))
    assert fare == pack_fare(Fare(None, None, None, "first", 2, "USD"))
    assert part.keys(1)[0] == pack_board(Board("JFK", "LHR", date(2026, 12, 24), date(2027, 1, 3)))
    assert [part.route(0), part.route(1)] == ["NYC-LON"] * 2
    cabin, stops, carriers = part.filtered(np.array([1, 0]))
    assert (cabin.tolist(), stops.tolist(), carriers) == ([0, 3], [0, 2], ["BA", ""])
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
