"""What the alert bench invents is what the fleet would meet."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import groupby

import numpy as np
import pyarrow as pa
import pytest

from fleet.bench.market import Market
from fleet.bench.synthetic_alerts import Alerts
from fleet.bench.synthetic_changes import Changes
from shared.airports import route_of
from shared.messages.batches import MAX_ROWS
from shared.messages.changes import CHANGES, check_amounts
from shared.messages.columns import validate
from tests.development_rates import RATES

NOW = datetime(2026, 10, 1, 12, tzinfo=UTC)
COUNT = MAX_ROWS + 500


@pytest.fixture(scope="module")
def market() -> Market:
    return Market(50, np.random.default_rng(0))


@pytest.fixture(scope="module")
def changes(market: Market) -> list[pa.RecordBatch]:
    return list(Changes(market, 1, RATES, NOW).batches(COUNT))


@pytest.fixture(scope="module")
def alerts(market: Market) -> list[dict[str, object]]:
    (batch,) = Alerts(market, 1, NOW.date(), RATES.date).batches(5_000)
    return list(batch.to_pylist())


def column(changes: list[pa.RecordBatch], name: str) -> np.ndarray:
    return np.concatenate([batch[name].fill_null(0).to_numpy() for batch in changes])


def test_changes_come_in_full_batches_of_the_contract(changes: list[pa.RecordBatch]) -> None:
    assert [batch.num_rows for batch in changes] == [MAX_ROWS, 500]
    assert all(batch.schema == CHANGES.schema for batch in changes)


def test_an_alert_worker_sets_none_of_the_changes_aside(changes: list[pa.RecordBatch]) -> None:
    for batch in changes:
        columns, findings = validate(batch, NOW, timedelta(days=1), check_amounts)
        assert (len(columns.board), findings.counts()) == (batch.num_rows, {})


def test_changes_are_on_the_routes_of_the_market(market: Market, changes: list[pa.RecordBatch]) -> None:
    pairs = {(row["origin"], row["destination"]) for batch in changes for row in batch.to_pylist()}
    assert {route_of(*pair) for pair in pairs} <= {route.name for route in market.routes}


def test_changes_of_a_board_come_together(changes: list[pa.RecordBatch]) -> None:
    columns, _ = validate(changes[0], NOW, timedelta(days=1), check_amounts)
    assert len(list(groupby(columns.board.tolist()))) < MAX_ROWS / 7


def test_every_price_moves_half_of_them_down_and_a_few_were_never_seen(changes: list[pa.RecordBatch]) -> None:
    price, previous = column(changes, "price"), column(changes, "previous_price")
    seen = previous > 0
    assert (price != previous).all()
    assert 0.45 < (price < previous)[seen].mean() < 0.55
    assert 0.02 < 1 - seen.mean() < 0.04


def test_reference_amounts_are_at_the_rates_given(changes: list[pa.RecordBatch]) -> None:
    for row in changes[1].to_pylist():
        assert row["reference_price"] == RATES.to_reference(row["price"], row["currency"])


def test_the_same_seed_gives_the_same_changes_and_another_one_others(
    market: Market, changes: list[pa.RecordBatch]
) -> None:
    assert list(Changes(market, 1, RATES, NOW).batches(COUNT)) == changes
    assert list(Changes(market, 2, RATES, NOW).batches(COUNT)) != changes


def test_alerts_have_ids_of_their_own(alerts: list[dict[str, object]]) -> None:
    assert len({alert["id"] for alert in alerts}) == len(alerts)


@pytest.mark.parametrize(
    ("share", "low", "high"),
    [("round_trip", 0.12, 0.18), ("filtered", 0.12, 0.18), ("paused", 0.08, 0.12), ("target", 0.55, 0.65)],
)
def test_alerts_are_of_all_kinds(alerts: list[dict[str, object]], share: str, low: float, high: float) -> None:
    assert low < sum(share in kinds(alert) for alert in alerts) / len(alerts) < high


def kinds(alert: dict[str, object]) -> Iterator[object]:
    yield alert["state"]
    yield alert["rule"]
    if alert["round_trip"]:
        yield "round_trip"
    if any(alert[name] for name in ("weekdays", "cabin", "max_stops", "carriers", "excluded_carriers")):
        yield "filtered"


def test_alerts_wait_for_departures_that_are_still_ahead(alerts: list[dict[str, object]]) -> None:
    for alert in alerts:
        first, last = alert["departure_from"], alert["departure_to"]
        assert isinstance(first, date)
        assert isinstance(last, date)
        assert NOW.date() < first <= last < first + timedelta(days=120)


def test_popular_routes_have_more_alerts(market: Market, alerts: list[dict[str, object]]) -> None:
    names = [route.name for route in market.routes]
    ranks = [names.index(str(alert["route"])) for alert in alerts]
    assert sum(rank < 10 for rank in ranks) > 1.5 * sum(rank >= 40 for rank in ranks)
