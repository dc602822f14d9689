"""Real fares replayed on a running fleet push exactly what the model computes from the same rows."""

from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.e2e.model import Fare, Model, read_days, shifted
from tests.e2e.rates import RATES
from tests.e2e.running_fleet import RunningFleet
from tests.e2e.wishes import Wishes
from tests.real_data import real_file

ALERTS = 300

Pushes = dict[tuple[str, str], list[tuple[int, str, str]]]


@pytest.mark.timeout(400)
@pytest.mark.parametrize("file", ["fares/wizz_dev.csv.gz", "fares/gflights_dev.csv.gz"])
def test_a_replay_pushes_exactly_what_the_model_computes(fleet: RunningFleet, file: str) -> None:
    path = real_file(file)
    days = read_days(path)
    days_since = (datetime.now(UTC).date() - days[0][0].seen).days
    wishes = Wishes()
    wishes.make(fleet, [fare for day in shifted(days, days_since) for fare in day], RATES, count=ALERTS, seed=1)

    replayed = fleet.replay(path, "--barrier", "day", "--shift")

    model = Model(RATES, wishes.alerts)
    expected = expected_pushes(model, days, replayed["shifted_days"], wishes)
    assert replayed["fares"] == sum(map(len, days))
    assert pushes_by_device(fleet.pushes()) == expected
    assert fleet.claims() == {name: alert.claim for name, alert in wishes.alerts.items()}
    assert {0, 1, 2} <= {alert.fired for alert in wishes.alerts.values()}, "the wishes are too much alike"


def expected_pushes(model: Model, days: list[list[Fare]], days_moved: int, wishes: Wishes) -> Pushes:
    pushes: Pushes = defaultdict(list)
    for day in shifted(days, days_moved):
        for alert, fare in model.see(day).items():
            for device in wishes.devices[alert]:
                pushes[alert, device].append((fare.price, fare.currency, fare.key))
    return pushes


def pushes_by_device(lines: list[dict[str, Any]]) -> Pushes:
    """The fares that each alert's devices were told of, in the order of the log."""
    pushes: Pushes = defaultdict(list)
    for line in lines:
        pushes[line["alert_id"], line["device"]].append((line["price"], line["currency"], line["fare"]))
    return pushes
