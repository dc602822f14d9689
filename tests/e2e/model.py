"""What the chain must do, in the plainest words: fares in, claims and pushes out, one day after the other.

It shares no code with the chain. Amounts are exact fractions; nothing is fast, batched or clever.
"""

import csv
import gzip
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import NamedTuple

UNSET = 2**63 - 1  # the armed price, in the database, of an alert that does not know yet what fares cost
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


class Priced(NamedTuple):
    """A fare and its price in euro cents."""

    price: int
    fare: Fare


@dataclass
class Alert:
    """An alert, and what has become of it; amounts in euro cents, None where nothing is known yet.

    `initial` is what it waited for when it was made, or when it learnt what fares cost.
    """

    origins: frozenset[str]
    destinations: frozenset[str]
    first: date
    last: date
    rule: str
    initial: int | None = None
    percent: int = 0
    improvement: int = 2
    once: bool = False
    one_way: bool = True
    weekdays: frozenset[int] = frozenset(range(7))
    cabins: frozenset[str] = frozenset({"economy"})
    carriers: frozenset[str] | None = None
    excluded: frozenset[str] = frozenset()
    armed: int | None = field(init=False)
    fired: int = 0
    last_price: int | None = None
    last_fare: str | None = None

    def __post_init__(self) -> None:
        """Wait for what is wished, if that is known."""
        self.armed = self.initial

    @property
    def claim(self) -> tuple[int, int, int, str, int | None, str | None]:
        """What its row must say: fire sequence, initial and armed price, state, last price and last fare."""
        state = "fired" if self.once and self.fired else "active"
        initial, armed = (UNSET if price is None else price for price in (self.initial, self.armed))
        return self.fired, initial, armed, state, self.last_price, self.last_fare

    def wants(self, fare: Fare) -> bool:
        """Whether the fare is one that the traveller wishes; the files' fares are one-way, non-stop, economy."""
        return (
            fare.origin in self.origins
            and fare.destination in self.destinations
            and self.first <= fare.departure <= self.last
            and self.one_way
            and fare.departure.weekday() in self.weekdays
            and "economy" in self.cabins
            and (self.carriers is None or fare.carrier in self.carriers)
            and fare.carrier not in self.excluded
        )

    def next(self, price: int) -> int:
        """What it waits for once this price has been told of, or is what fares cost."""
        return math.floor(Fraction(100 - (self.percent or self.improvement), 100) * price)

    def hear(self, price: int, fare: Fare) -> bool:
        """Take note of the cheapest fare that it wants; returns whether its traveller is told."""
        if self.once and self.fired:
            return False
        if self.armed is None:
            self.initial = self.armed = self.next(price)
            return False
        if price > self.armed:
            return False
        self.armed, self.last_price, self.last_fare = self.next(price), price, fare.key
        self.fired += 1
        return True

    def recover(self, cheapest: int) -> None:
        """Wait for the first price again when even the cheapest fare has risen above it."""
        if self.initial is not None and self.rule != "new_low" and not self.once and cheapest > self.initial:
            self.armed = self.initial


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
    """The fares seen so far, which of them were changes, batch by batch, and the alerts by id."""

    def __init__(self, rates: Rates) -> None:
        self.alerts: dict[str, Alert] = {}
        self.changed: list[list[Priced]] = []
        self._rates = rates
        self._fares: dict[tuple[str, str], dict[str, Priced]] = {}  # by airports, then by fare

    @property
    def changes(self) -> int:
        """How many there were."""
        return sum(map(len, self.changed))

    def make(self, alerts: Mapping[str, Alert]) -> dict[str, Fare]:
        """Make alerts; returns the fare that each fires for at once, as it is already cheap enough."""
        self.alerts |= alerts
        told = {}
        for name, alert in alerts.items():
            found = [priced for priced in self._known(alert) if alert.wants(priced.fare)]
            if found and alert.hear(*(best := min(found, key=_order))):
                told[name] = best.fare
        return told

    def see(self, fares: Iterable[Fare]) -> dict[str, Fare]:
        """Work in one batch; returns the fare that each alert fires for."""
        self.changed.append([])
        falls = [fall for fare in fares if (fall := self._fall(fare))]
        told = {}
        for name, alert in self.alerts.items():
            wanted = [fall for fall in falls if alert.wants(fall.fare)]
            if wanted and alert.hear(*(best := min(wanted, key=_order))):
                told[name] = best.fare
            elif alert.armed != alert.initial:
                self._recover(alert)
        return told

    def _recover(self, alert: Alert) -> None:
        prices = [priced.price for priced in self._known(alert) if alert.wants(priced.fare)]
        if prices:
            alert.recover(min(prices))

    def _known(self, alert: Alert) -> list[Priced]:
        pairs = product(alert.origins, alert.destinations)
        return [priced for pair in pairs for priced in self._fares.get(pair, {}).values()]

    def _fall(self, fare: Fare) -> Priced | None:
        """The fare with its price in euro cents if it is new or has become cheaper."""
        known = self._fares.setdefault((fare.origin, fare.destination), {})
        before, now = known.get(fare.key), Priced(self._rates.euro_cents(fare.price, fare.currency), fare)
        known[fare.key] = now
        if before is None or before.fare.price != fare.price:
            self.changed[-1].append(now)
        return now if before is None or fare.price < before.fare.price else None


def _order(priced: Priced) -> tuple[object, ...]:
    """The cheapest, then the lower fare key: carriers and numbers that are not known come first, times last."""
    fare = priced.fare
    number = int(fare.number) if fare.number else -1
    flight = (fare.carrier.ljust(3), number, fare.time or "24:00", fare.currency)
    return (priced.price, fare.origin, fare.destination, fare.departure, *flight)


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
