"""How big a measured cycle is, and from that the market, the fares and the travellers, in whichever process."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from fleet.bench.market import Market
from fleet.bench.sweep import Sweep
from fleet.workers import only
from shared.money import Rates
from shared.settings import RatesSettings, load

# So a change meets as many alerts whatever the size of the bench.
_ALERTS_A_ROUTE: Final = 2_000
_ALERTS_A_TRAVELLER: Final = 4
_SHARE_OF_ALERTS: Final = 8  # of eight fares one is watched for: 5 million alerts on 40 million fares


@dataclass(frozen=True, slots=True)
class Plan:
    """Sizes of the bench.

    Attributes:
        fares: in the cycle, and on the boards before it.
        alerts: in the shards.
        per_board: fares of one route and date.
        shards: databases that hold the alerts.
        price_workers: processes, as are the next two.
        alert_workers: that share the changes.
        notifiers: that share the notifications.
        seed: another one gives other fares, alerts and travellers of the same kind.
        today: departures begin the day after.
    """

    fares: int
    alerts: int
    per_board: int
    shards: int
    price_workers: int
    alert_workers: int
    notifiers: int
    seed: int
    today: date

    @property
    def travellers(self) -> int:
        """Who make the alerts."""
        return math.ceil(self.alerts / _ALERTS_A_TRAVELLER)

    @property
    def scale(self) -> Mapping[str, int]:
        """The processes of each service."""
        return only("history_worker") | {
            "price_worker": self.price_workers,
            "alert_worker": self.alert_workers,
            "notifier": self.notifiers,
        }

    def market(self) -> Market:
        """The routes of fares and alerts."""
        return Market(math.ceil(self.alerts / _ALERTS_A_ROUTE), np.random.default_rng(self.seed))

    def sweep(self) -> Sweep:
        """The fares.

        Raises:
            ConfigurationError: there are too few alerts, and so too few routes, for so many fares.
        """
        return Sweep(self.market(), self.fares, self.per_board, self.rates(), self.seed, self.today)

    def rates(self) -> Rates:
        """What the fleet converts fares by."""
        settings = load(RatesSettings)
        return Rates.load(settings.rates_file, settings.reference_currency)


def usual_alerts(fares: int) -> int:
    """How many alerts there are where nobody says."""
    return math.ceil(fares / _SHARE_OF_ALERTS)
