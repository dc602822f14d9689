"""The travellers of the cycle bench are few, have one device each, and make all the alerts."""

from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fleet.bench.cycle.plan import Plan, usual_alerts
from fleet.bench.market import Market
from fleet.bench.synthetic_alerts import Alerts
from fleet.bench.synthetic_travellers import Travellers

TODAY = date(2026, 10, 1)
ALERTS = 9_000
TRAVELLERS = 2_000


def _ids(travellers: Travellers) -> list[str]:
    return [id_ for part in travellers.parts() for id_ in part.users["id"].to_pylist()]


def test_the_same_seed_gives_the_same_travellers_and_another_one_others() -> None:
    assert list(Travellers(500, 1).parts()) == list(Travellers(500, 1).parts())
    assert set(_ids(Travellers(500, 1))).isdisjoint(_ids(Travellers(500, 2)))


def test_each_traveller_has_one_device_with_a_token_of_its_own() -> None:
    parts = list(Travellers(70_000, 1).parts())
    assert [part.users.num_rows for part in parts] == [50_000, 20_000]
    for users, devices in parts:
        assert devices["user_id"].equals(users["id"])
    for column in ("id", "token"):
        assert pc.count_distinct(pa.chunked_array([part.devices[column] for part in parts])).as_py() == 70_000
    assert pc.count_distinct(pa.chunked_array([part.users["id"] for part in parts])).as_py() == 70_000


def test_every_alert_is_of_one_of_the_travellers_and_most_have_some() -> None:
    travellers = Travellers(TRAVELLERS, 1)
    market = Market(5, np.random.default_rng(1))
    (alerts,) = Alerts(market, 2, TODAY, TODAY, travellers).batches(ALERTS)
    owners = set(alerts["user_id"].to_pylist())
    assert owners <= set(_ids(travellers))
    assert len(owners) > 0.95 * TRAVELLERS
    assert pc.count_distinct(alerts["id"]).as_py() == ALERTS


def test_the_level_of_armed_prices_moves_them_all() -> None:
    market = Market(5, np.random.default_rng(1))
    (low,) = Alerts(market, 2, TODAY, TODAY, armed_level=0.2).batches(1_000)
    (high,) = Alerts(market, 2, TODAY, TODAY, armed_level=0.4).batches(1_000)
    ratio = np.array(high["armed_price"]) / np.array(low["armed_price"])
    assert np.allclose(ratio, 2, rtol=1e-3)


def test_sizes_follow_from_the_number_of_fares() -> None:
    plan = Plan(
        fares=40_000_000,
        alerts=usual_alerts(40_000_000),
        per_board=25,
        shards=4,
        price_workers=1,
        alert_workers=2,
        notifiers=3,
        seed=1,
        today=TODAY,
    )
    assert plan.alerts == 5_000_000
    assert plan.travellers == 1_250_000
    assert len(plan.market().routes) == 2_500
    running = {service: count for service, count in plan.scale.items() if count}
    assert running == {"price_worker": 1, "alert_worker": 2, "history_worker": 1, "notifier": 3}
