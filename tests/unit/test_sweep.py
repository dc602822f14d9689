"""The fares that the benches invent: as many changes as are expected, and nothing that a price worker sets aside."""

from datetime import UTC, date, datetime, timedelta
from itertools import groupby

import numpy as np
import pyarrow as pa
import pytest

from fleet.bench.chance import Chance
from fleet.bench.market import DAYS_AHEAD, Market
from fleet.bench.sweep import MAX_PER_BOARD, Sweep
from shared.airports import route_of
from shared.conversion import ReferenceAmounts
from shared.errors import ConfigurationError
from shared.messages.batches import ARROW, MAX_ROWS, decode, encode
from shared.messages.columns import FareColumns, validate
from shared.messages.fares import FARES
from tests.development_rates import RATES

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
FARES_IN_ALL = 2 * MAX_ROWS + 700
MARKET = Market(5, np.random.default_rng(0))


def sweep(*, shuffled: bool = False, fares: int = FARES_IN_ALL, per_board: int = 25, seed: int = 1) -> Sweep:
    return Sweep(MARKET, fares, per_board, RATES, seed, NOW.date(), shuffled=shuffled)


def read(batches: list[pa.RecordBatch]) -> FareColumns:
    """What a price worker reads of these batches; it must not set anything aside."""
    parts = []
    for batch in batches:
        rows = decode(FARES, encode(FARES, batch), ARROW).rows
        columns, findings = validate(rows, NOW, timedelta(days=1), ReferenceAmounts(RATES).check)
        assert findings.good.all()
        parts.append(columns)
    names = ("board", "fare", "price", "observed_at")
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    return FareColumns(rows=parts[0].rows, **joined)


def prices(cycle: int, **options: bool) -> dict[tuple[int, int], int]:
    fares = read(list(sweep(**options).batches(cycle, NOW)))
    keys = zip(fares.board.tolist(), fares.fare.tolist(), strict=True)
    return dict(zip(keys, fares.price.tolist(), strict=True))


@pytest.mark.parametrize("shuffled", [False, True])
def test_a_cycle_has_every_fare_once_in_full_batches(shuffled: bool) -> None:
    batches = list(sweep(shuffled=shuffled).batches(0, NOW))
    assert [batch.num_rows for batch in batches] == [MAX_ROWS, MAX_ROWS, 700]
    assert len(prices(0, shuffled=shuffled)) == FARES_IN_ALL


def test_the_fares_of_a_board_and_a_route_come_together() -> None:
    fares = read(list(sweep().batches(0, NOW)))
    boards = [board for board, _ in groupby(fares.board.tolist())]
    assert len(boards) == len(set(boards)) == FARES_IN_ALL // 25
    rows = [row for batch in sweep().batches(0, NOW) for row in batch.select(["origin", "destination"]).to_pylist()]
    routes = [route for route, _ in groupby(route_of(row["origin"], row["destination"]) for row in rows)]
    assert len(routes) == len(set(routes)) == len(MARKET.routes)


def test_shuffled_batches_have_fares_of_most_boards() -> None:
    boards = read([sweep(shuffled=True).batch(0, 0, NOW)]).board
    assert len(np.unique(boards)) > 0.9 * FARES_IN_ALL / 25
    assert (boards[1:] == boards[:-1]).mean() < 0.05


@pytest.mark.parametrize("cycle", [1, 2])
def test_the_changes_of_a_cycle_are_those_that_are_expected(cycle: int) -> None:
    before, after = prices(cycle - 1), prices(cycle)
    assert before.keys() == after.keys()
    changes = sum(before[key] != after[key] for key in after)
    assert changes == sweep().expected_changes(cycle)
    assert 0.18 * FARES_IN_ALL < changes < 0.22 * FARES_IN_ALL


def test_the_order_of_the_batches_changes_no_price() -> None:
    assert prices(1, shuffled=True) == prices(1)


def test_another_seed_gives_other_prices() -> None:
    assert read([sweep(seed=2).batch(0, 0, NOW)]).price.tolist() != read([sweep().batch(0, 0, NOW)]).price.tolist()


def test_departures_are_spread_over_all_days_however_few_there_are() -> None:
    days = {day for batch in sweep(fares=2_500).batches(0, NOW) for day in batch["departure_date"].to_pylist()}
    ahead = sorted((day - NOW.date()).days for day in days if isinstance(day, date))
    assert (len(ahead), ahead[0]) == (20, 1)
    assert DAYS_AHEAD * 0.9 < ahead[-1] <= DAYS_AHEAD


def test_more_than_there_is_room_for_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="take fewer fares"):
        sweep(fares=50_000_000)
    with pytest.raises(ConfigurationError, match=f"at most {MAX_PER_BOARD}"):
        sweep(per_board=MAX_PER_BOARD + 1)


def test_chance_is_spread_as_it_says_and_sources_differ() -> None:
    numbers = np.arange(100_000)
    uniform, normal = Chance(1, 2).uniform(numbers), Chance(1, 2).normal(numbers)
    assert (uniform.min() >= 0, uniform.max() < 1) == (True, True)
    assert np.histogram(uniform, 10, (0, 1))[0] == pytest.approx(np.full(10, 10_000), rel=0.05)
    assert (normal.mean(), normal.std()) == (pytest.approx(0, abs=0.02), pytest.approx(1, rel=0.02))
    assert abs(np.corrcoef(uniform, Chance(1, 3).uniform(numbers))[0, 1]) < 0.02
    assert abs(np.corrcoef(uniform[1:], uniform[:-1])[0, 1]) < 0.02
    chosen = Chance(4).choice(np.array([7, 9]), np.array([25, 75]), numbers)
    assert (chosen == 9).mean() == pytest.approx(0.75, rel=0.02)
    assert set(chosen.tolist()) == {7, 9}
