"""Real fares replayed on a running fleet push and keep exactly what the model computes from the same rows."""

import csv
import gzip
import os
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.model import Fare, Model, read_days, shifted
from tests.e2e.price_history import history_in, history_of
from tests.e2e.rates import RATES
from tests.e2e.running_fleet import RunningFleet
from tests.e2e.wishes import Wishes
from tests.real_data import real_file

pytestmark = pytest.mark.timeout(600)
WIZZ, GFLIGHTS = "fares/wizz_dev.csv.gz", "fares/gflights_dev.csv.gz"
ALERTS = int(os.environ.get("FARELARK_REPLAY_ALERTS", "600"))  # 5,000 take a minute more each

# By alert and device, in order: price, currency and fare.
Pushes = defaultdict[tuple[str, str], list[tuple[int, str, str]]]


@pytest.mark.parametrize("file", [WIZZ, GFLIGHTS])
def test_a_replay_pushes_and_keeps_exactly_what_the_model_computes(
    fleet: RunningFleet, file: str, tmp_path: Path
) -> None:
    """Half of the alerts are made before any fare is known, half in the middle, when some are already cheap."""
    side_by_side = SideBySide(fleet, real_file(file))
    for number, half in enumerate(halves(side_by_side.path, tmp_path)):
        side_by_side.make_alerts(ALERTS // 2, seed=number)
        side_by_side.replay(half)
    side_by_side.compare()


def halves(path: Path, folder: Path) -> list[Path]:
    """A file of fares in two; the second begins with the first row of all, so that both shift by as many days."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    rows.sort(key=lambda row: row[0][:10])
    middle = rows[len(rows) // 2][0][:10]
    early = [row for row in rows if row[0][:10] < middle]
    late = [rows[0], *(row for row in rows if row[0][:10] >= middle)]
    return [_write(folder / f"{name}.csv.gz", [header, *part]) for name, part in (("early", early), ("late", late))]


def _write(path: Path, rows: list[list[str]]) -> Path:
    with gzip.open(path, "wt", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


class SideBySide:
    """A fleet that has just been cleared, and the model, on the same fares and the same alerts."""

    def __init__(self, fleet: RunningFleet, path: Path) -> None:
        self.fleet = fleet
        self.path = path
        self.wishes = Wishes()
        self.model = Model(RATES)
        self.expected = Pushes(list)
        self.changes_before = self._changes_of_fleet()

    def make_alerts(self, count: int, seed: int) -> None:
        days = read_days(self.path)
        days_since = (datetime.now(UTC).date() - days[0][0].seen).days
        fares = [fare for day in shifted(days, days_since) for fare in day]
        made = self.wishes.make(self.fleet, fares, RATES, count=count, seed=seed)
        self.fleet.drain()
        self._expect(self.model.make(made))

    def replay(self, path: Path) -> None:
        days = read_days(path)
        replayed = self.fleet.replay(path, "--barrier", "day", "--shift")
        assert replayed["fares"] == sum(map(len, days))
        for day in shifted(days, replayed["shifted_days"]):
            self._expect(self.model.see(day))

    def compare(self) -> None:
        alerts = self.wishes.alerts
        assert self._changes_of_fleet() - self.changes_before == self.model.changes
        assert self._differences(self.fleet.claims(), {name: alert.claim for name, alert in alerts.items()}) == {}
        assert self._differences(self._pushes_of_fleet(), self.expected) == {}
        assert self._differences(history_in(self.fleet), history_of(self.model.changed)) == {}
        fired = {(alert.rule, min(alert.fired, 2)) for alert in alerts.values()}
        assert fired >= {(rule, times) for rule in ("target", "drop", "new_low") for times in range(3)}

    def _expect(self, told: Mapping[str, Fare]) -> None:
        for alert, fare in told.items():
            for device in self.wishes.devices[alert]:
                self.expected[alert, device].append((fare.price, fare.currency, fare.key))

    def _differences(self, found: Mapping[Any, object], expected: Mapping[Any, object]) -> dict[Any, object]:
        """What differs, of thousands."""
        names = [name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name)]
        return {name: (found.get(name), expected.get(name)) for name in names[:5]}

    def _changes_of_fleet(self) -> int:
        return int(self.fleet.status()["ledger"]["changes"])

    def _pushes_of_fleet(self) -> Pushes:
        pushes = Pushes(list)
        for line in self.fleet.pushes():
            pushes[line["alert_id"], line["device"]].append((line["price"], line["currency"], line["fare"]))
        return pushes
