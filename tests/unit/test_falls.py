"""Falls are told from the rest, at the rates in use."""

import numpy as np
import pytest

from services.alert_worker.falls import Falls, falls_of, filtered
from shared.alerts.rules import UNSET
from shared.changes_by_shard import Part, parts_by_shard
from shared.conversion import ReferenceAmounts
from shared.shard_map import ShardMap
from tests.unit.boards_in_memory import amounts_at
from tests.unit.fares import Document, change, changes_of

RATES_THEN, RATES_NOW = amounts_at({"EUR": (1, 1), "USD": (9, 10)}), amounts_at({"EUR": (1, 1), "USD": (8, 10)})


def only_part(*documents: Document) -> Part:
    ((_, part),) = parts_by_shard(changes_of(*documents), ShardMap.even(1))
    return part


def falls_among(*documents: Document, amounts: ReferenceAmounts = RATES_NOW, reach: float = 1) -> Falls:
    return falls_of(only_part(*documents), amounts, reach)


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
    assert bands(falls_among(document)) == [band]


@pytest.mark.parametrize("amounts", [RATES_THEN, RATES_NOW])
@pytest.mark.parametrize("document", [dollars(1_001, 1_000, 900), dollars(1_000, 1_000, 2_000)])
def test_what_has_not_fallen_in_its_own_currency_is_no_fall_whatever_rates_do(
    document: Document, amounts: ReferenceAmounts
) -> None:
    assert bands(falls_among(document, amounts=amounts)) == []


@pytest.mark.parametrize(("reach", "ceiling"), [(1, 879), (1.001, 882), (1.01, 890), (2, 1_761)])
def test_where_rates_have_lifted_armed_prices_a_fall_reaches_above_where_it_came_from(
    reach: float, ceiling: int
) -> None:
    assert bands(falls_among(dollars(1_000, 1_100, 880), reach=reach)) == [(800, ceiling)]


def test_no_reach_leads_to_alerts_that_wait_for_their_baseline() -> None:
    ((_, ceiling),) = bands(falls_among(dollars(1, 2**40 - 1, 2**63 - 1), reach=5.0))
    assert ceiling < UNSET


def test_a_currency_without_a_rate_in_use_keeps_the_amounts_of_its_observation() -> None:
    document = dollars(1_000, 1_100, 660, reference=600)
    assert bands(falls_among(document, amounts=amounts_at({"EUR": (1, 1)}))) == [(600, 659)]


def test_falls_know_which_change_they_are() -> None:
    documents = [dollars(1_000 + i, 1_100 if i % 2 else 900, 880) for i in range(6)]
    part = only_part(*documents)
    falls = falls_of(part, RATES_NOW, 1)
    assert part.price[falls.position].tolist() == [1_001, 1_003, 1_005]


def test_a_batch_without_falls_has_none() -> None:
    assert bands(falls_among(dollars(1_001, 1_000, 900))) == []


def test_filters_are_told_cabin_stops_and_carrier_of_the_changes_that_they_ask_about() -> None:
    part = only_part(change(origin="EWR", carrier=None, cabin="first", stops=2), change())
    cabin, stops, carriers = filtered(part, np.array([1, 0]))
    assert (cabin.tolist(), stops.tolist(), carriers) == ([0, 3], [0, 2], ["BA", ""])
