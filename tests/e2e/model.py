"""What the chain must do, in the plainest words: fares in, claims and pushes out, one day after the other.

It shares no code with the chain. Amounts are exact fractions; nothing is fast, batched or clever.
"""

import csv
import gzip
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path

WITHOUT_CENTS = frozenset({"ISK", "JPY", "KRW", "CLP", "VND"})
# The airline that a free text begins with; a longer name stands before its own beginning.
AIRLINES = {
    "Air Canada": "AC",
    "Air France": "AF",
    "Air Tahiti Nui": "TN",
    "Air Transat": "TS",
    "Asiana Airlines": "OZ",
    "British Airways": "BA",
    "Cathay Pacific": "CX",
    "China Airlines": "CI",
    "China Eastern": "MU",
    "China Southern": "CZ",
    "Delta": "DL",
    "EVA Air": "BR",
    "KLM": "KL",
    "Korean Air": "KE",
    "Lufthansa": "LH",
    "Qantas": "QF",
    "Singapore Airlines": "SQ",
    "THAI": "TG",
    "United": "UA",
    "W6": "W6",
}


@dataclass(frozen=True)
class Fare:
    """One row of a file; the price in minor units."""

    seen: date
    origin: str
    destination: str
    departure: date
    carrier: str
    number: str
    time: str
    currency: str
    price: int

    @property
    def key(self) -> str:
        """What is priced, as the push log writes it."""
        flight = f"{self.carrier}{self.number}@{self.time}"
        return f"{self.origin}-{self.destination}:{self.departure}:{flight}:economy:0:{self.currency}"


@dataclass
class Alert:
    """A target alert, and what has become of it; amounts in euro cents."""

    origins: frozenset[str]
    destinations: frozenset[str]
    first: date
    last: date
    armed: int
    fired: int = 0
    last_price: int | None = None
    last_fare: str | None = None

    @property
    def claim(self) -> tuple[int, int, int | None, str | None]:
        """What its row must say: fire sequence, armed price, last price and last fare."""
        return self.fired, self.armed, self.last_price, self.last_fare

    def wants(self, fare: Fare) -> bool:
        """Whether the fare goes from where, to where and when the traveller wishes."""
        return (
            fare.origin in self.origins
            and fare.destination in self.destinations
            and self.first <= fare.departure <= self.last
        )


class Rates:
    """How many units of each currency a euro buys."""

    def __init__(self, path: Path) -> None:
        currencies, values = csv.reader(path.read_text().splitlines(), skipinitialspace=True)
        self._per_euro = dict(zip(currencies[1:], map(Fraction, values[1:]), strict=True)) | {"EUR": Fraction(1)}

    def euro_cents(self, price: int, currency: str) -> int:
        """A price in minor units as euro cents, half a cent rounded up."""
        units = Fraction(price, _minor_units(currency))
        return math.floor(units / self._per_euro[currency] * 100 + Fraction(1, 2))


class Model:
    """The fares seen so far, how many of them were changes, and the alerts by id."""

    def __init__(self, rates: Rates, alerts: Mapping[str, Alert]) -> None:
        self.alerts = alerts
        self.changes = 0
        self._rates = rates
        self._prices: dict[str, int] = {}

    def see(self, fares: Iterable[Fare]) -> dict[str, Fare]:
        """Work in one batch; returns the fare that each alert fires for."""
        falls = [fall for fare in fares if (fall := self._fall(fare))]
        return {name: fare for name, alert in self.alerts.items() if (fare := _fire(alert, falls))}

    def _fall(self, fare: Fare) -> tuple[int, float, Fare] | None:
        """The price and the previous price in euro cents if the fare has changed and is cheaper."""
        before, self._prices[fare.key] = self._prices.get(fare.key), fare.price
        self.changes += before != fare.price
        price = self._rates.euro_cents(fare.price, fare.currency)
        previous = math.inf if before is None else self._rates.euro_cents(before, fare.currency)
        return (price, previous, fare) if price < previous else None


def _fire(alert: Alert, falls: Iterable[tuple[int, float, Fare]]) -> Fare | None:
    hits = [
        (price, fare.origin, fare.destination, fare.departure, fare)
        for price, previous, fare in falls
        if price <= alert.armed < previous and alert.wants(fare)
    ]
    if not hits:
        return None
    price, *_, fare = min(hits, key=lambda hit: hit[:4])  # the cheapest, then the lower fare key
    alert.armed = math.floor(Fraction(98, 100) * price)
    alert.fired += 1
    alert.last_price, alert.last_fare = price, fare.key
    return fare


def read_days(path: Path) -> list[list[Fare]]:
    """The fares of a file, day by day in order of observation."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        fares = [_fare(row) for row in csv.DictReader(file)]
    days: dict[date, list[Fare]] = {}
    for fare in fares:
        days.setdefault(fare.seen, []).append(fare)
    return [days[day] for day in sorted(days)]


def shifted(days: Iterable[Iterable[Fare]], by: int) -> list[list[Fare]]:
    """The same fares for departures so many days later."""
    return [[replace(fare, departure=fare.departure + timedelta(by)) for fare in fares] for fares in days]


def _fare(row: Mapping[str, str]) -> Fare:
    # A row with several flights joins their numbers and times with a slash.
    return Fare(
        seen=date.fromisoformat(row["quoted_at"][:10]),
        origin=row["origin"],
        destination=row["destination"],
        departure=date.fromisoformat(row["departure_date"]),
        carrier=next((code for name, code in AIRLINES.items() if row["carrier"].startswith(name)), ""),
        number=row.get("flight_no", "").split("/")[0],
        time=row.get("dep_time", "").split("/")[0],
        currency=row["currency"],
        price=int(Fraction(row["price"]) * _minor_units(row["currency"])),
    )


def _minor_units(currency: str) -> int:
    return 1 if currency in WITHOUT_CENTS else 100
