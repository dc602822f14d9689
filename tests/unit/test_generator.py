"""Generated fares are plausible, keep their keys and move by as much as they are told."""

import re
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from math import sqrt
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from fleet.generator import Generator
from shared.airports import city_of, is_airport
from shared.messages.batches import ARROW, decode, encode
from shared.messages.fares import FARES as FARE_CONTRACT
from shared.messages.fares import FARES_SCHEMA

TODAY = date(2026, 11, 22)
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
FARES = 50_000


def cycle(generator: Generator, number: int) -> pa.Table:
    return pa.Table.from_batches(generator.cycle(number, NOW))


def prices(generator: Generator, number: int) -> npt.NDArray[np.int64]:
    return np.asarray(cycle(generator, number)["price"])


def distinct(fares: pa.Table, column: str) -> list[Any]:
    return list(fares[column].unique().to_pylist())


def matches(pattern: str, texts: list[str]) -> bool:
    return all(re.fullmatch(pattern, text) for text in texts)


def test_every_batch_can_be_sent_as_a_message() -> None:
    for batch in Generator(seed=1, fares=FARES, today=TODAY).cycle(0, NOW):
        decoded = decode(FARE_CONTRACT, encode(FARE_CONTRACT, batch), ARROW)
        assert decoded.rows.equals(batch)


def test_every_fare_keeps_the_rules_of_the_contract() -> None:
    fares = cycle(Generator(seed=1, fares=FARES, today=TODAY), 0)
    departures = distinct(fares, "departure_date")

    assert fares.num_rows == FARES
    assert fares.schema == FARES_SCHEMA
    assert all(is_airport(code) for column in ("origin", "destination") for code in distinct(fares, column))
    assert not pc.any(pc.equal(fares["origin"], fares["destination"])).as_py()
    assert TODAY < min(departures) < max(departures) <= TODAY + timedelta(days=300)
    assert matches("[A-Z0-9]{2}", distinct(fares, "carrier"))
    assert matches("[1-9][0-9]{2,3}", distinct(fares, "flight_number"))
    assert set(distinct(fares, "cabin")) == {"economy", "premium_economy", "business"}
    assert set(distinct(fares, "stops")) == {0, 1}
    assert {"USD", "EUR", "GBP", "JPY"} <= set(distinct(fares, "currency"))
    assert pc.min(fares["price"]).as_py() > 0
    assert distinct(fares, "observed_at") == [NOW]


def test_a_large_cycle_adds_return_trips() -> None:
    fares = cycle(Generator(seed=1, fares=3_000_000, today=TODAY), 0)
    stays = {0 if back is None else (back - out).days for out, back in _dates(fares)}

    assert stays == {0, 7}


def _dates(fares: pa.Table) -> set[tuple[date, date | None]]:
    pairs = fares.group_by(["departure_date", "return_date"]).aggregate([])
    return set(zip(pairs["departure_date"].to_pylist(), pairs["return_date"].to_pylist(), strict=True))


def test_more_fares_than_there_are_trips_are_refused() -> None:
    with pytest.raises(ValueError, match="fewer fares, please"):
        Generator(seed=1, fares=100_000_000, today=TODAY)


def test_keys_are_unique_and_those_of_a_board_together() -> None:
    fares = cycle(Generator(seed=1, fares=FARES, today=TODAY), 0).drop_columns(["price", "observed_at", "source"])
    keys = list(zip(*(column.to_pylist() for column in fares.columns), strict=True))
    boards = [key[:4] for key in keys]

    assert fares.column_names[:4] == ["origin", "destination", "departure_date", "return_date"]
    assert len(set(keys)) == FARES
    assert len(list(groupby(boards))) == len(set(boards))


def test_every_cycle_has_the_same_keys_in_the_same_order() -> None:
    generator = Generator(seed=1, fares=FARES, today=TODAY)
    first, later = (cycle(generator, number).drop_columns("price") for number in (0, 3))

    assert later.equals(first)


@pytest.mark.parametrize("changed", [0.2, 0.05, 0.0, 1.0])
def test_as_many_prices_change_as_it_is_told(changed: float) -> None:
    generator = Generator(seed=2, fares=FARES, today=TODAY, changed=changed)
    five_deviations = 5 * sqrt(changed * (1 - changed) / FARES)

    shares = [(prices(generator, n) != prices(generator, n + 1)).mean() for n in range(3)]

    assert all(abs(share - changed) <= five_deviations for share in shares)


def test_most_changes_are_small_and_some_are_sales() -> None:
    generator = Generator(seed=3, fares=FARES, today=TODAY)
    changes = []
    for number in range(1, 11):
        before, after = prices(generator, number - 1), prices(generator, number)
        changes.append((after / before)[after != before])
    ratios = np.concatenate(changes)

    assert np.mean((ratios > 0.85) & (ratios < 1.18)) > 0.6
    assert 0.35 < np.mean(ratios < 1) < 0.65
    assert ratios.min() < 0.62, "three rungs down are less than a deep sale"


def test_near_departures_cost_more() -> None:
    fares = cycle(Generator(seed=1, fares=FARES, today=TODAY), 0)
    economy = fares.filter((pc.field("cabin") == "economy") & (pc.field("currency") == "EUR"))
    mean = dict(zip(*_mean_price_by_date(economy), strict=True))

    assert mean[min(mean)] > 1.4 * mean[max(mean)]


def _mean_price_by_date(fares: pa.Table) -> list[list[float]]:
    means = fares.group_by("departure_date").aggregate([("price", "mean")])
    return [means["departure_date"].to_pylist(), means["price_mean"].to_pylist()]


def test_a_seed_gives_the_same_cycles_however_they_are_reached() -> None:
    straight, there_and_back = (Generator(seed=4, fares=FARES, today=TODAY) for _ in range(2))
    prices(there_and_back, 5)

    assert np.array_equal(prices(straight, 2), prices(there_and_back, 2))
    assert not np.array_equal(prices(straight, 2), prices(Generator(seed=5, fares=FARES, today=TODAY), 2))


def test_a_cycle_in_progress_is_not_disturbed_by_the_next() -> None:
    generator = Generator(seed=1, fares=FARES, today=TODAY)
    begun = generator.cycle(0, NOW)
    generator.cycle(1, NOW)

    assert pa.Table.from_batches(begun).equals(cycle(generator, 0))


def test_lows_are_the_cheapest_economy_fares_of_their_routes_and_dates() -> None:
    generator = Generator(seed=1, fares=FARES, today=TODAY)
    cheapest: dict[tuple[str, str, date, str], int] = {}
    for fare in cycle(generator, 2).to_pylist():
        if fare["cabin"] == "economy":
            cities = city_of(fare["origin"]), city_of(fare["destination"])
            key = (*cities, fare["departure_date"], fare["currency"])
            cheapest[key] = min(fare["price"], cheapest.get(key, fare["price"]))

    assert {low[:4]: low.price for low in generator.lows()} == cheapest
