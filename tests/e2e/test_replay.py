"""Real fares replayed on a running fleet push exactly what the model computes from the same rows."""

from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.e2e.model import Model, read_days, shifted
from tests.e2e.rates import RATES
from tests.e2e.running_fleet import RunningFleet
from tests.e2e.wishes import Wishes
from tests.real_data import real_file

pytestmark = pytest.mark.timeout(400)
WIZZ, GFLIGHTS = "fares/wizz_dev.csv.gz", "fares/gflights_dev.csv.gz"
ALERTS = 300

# By alert and device, in order: price, currency and fare.
Pushes = defaultdict[tuple[str, str], list[tuple[int, str, str]]]


@pytest.mark.parametrize("file", [WIZZ, GFLIGHTS])
def test_a_replay_pushes_exactly_what_the_model_computes(fleet: RunningFleet, file: str) -> None:
    side_by_side = SideBySide(fleet, real_file(file))
    side_by_side.make_alerts()
    side_by_side.replay()
    side_by_side.compare()


def test_alerts_made_once_fares_are_known_hear_of_those_that_fall_past_their_targets(fleet: RunningFleet) -> None:
    side_by_side = SideBySide(fleet, real_file(GFLIGHTS))
    side_by_side.replay()
    side_by_side.make_alerts()
    side_by_side.replay()
    side_by_side.compare()


class SideBySide:
    """A fleet that has just been cleared, and the model, on the same file of fares and the same alerts."""

    def __init__(self, fleet: RunningFleet, path: Path) -> None:
        self.fleet = fleet
        self.path = path
        self.days = read_days(path)
        self.wishes = Wishes()
        self.model = Model(RATES, self.wishes.alerts)
        self.expected = Pushes(list)
        self.changes_before = self._changes_of_fleet()

    def make_alerts(self) -> None:
        days_since = (datetime.now(UTC).date() - self.days[0][0].seen).days
        fares = [fare for day in shifted(self.days, days_since) for fare in day]
        self.wishes.make(self.fleet, fares, RATES, count=ALERTS, seed=1)

    def replay(self) -> None:
        replayed = self.fleet.replay(self.path, "--barrier", "day", "--shift")
        assert replayed["fares"] == sum(map(len, self.days))
        for day in shifted(self.days, replayed["shifted_days"]):
            for alert, fare in self.model.see(day).items():
                for device in self.wishes.devices[alert]:
                    self.expected[alert, device].append((fare.price, fare.currency, fare.key))

    def compare(self) -> None:
        alerts = self.wishes.alerts
        assert self._changes_of_fleet() - self.changes_before == self.model.changes
        assert self._pushes_of_fleet() == self.expected
        assert self.fleet.claims() == {name: alert.claim for name, alert in alerts.items()}
        assert {0, 1, 2} <= {alert.fired for alert in alerts.values()}, "the wishes are too much alike"

    def _changes_of_fleet(self) -> int:
        return int(self.fleet.status()["ledger"]["changes"])

    def _pushes_of_fleet(self) -> Pushes:
        pushes = Pushes(list)
        for line in self.fleet.pushes():
            pushes[line["alert_id"], line["device"]].append((line["price"], line["currency"], line["fare"]))
        return pushes
