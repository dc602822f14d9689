"""Wishes for the fares of a file, as the API and as the model understand them."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from tests.e2e.model import Alert, Fare, Rates
from tests.e2e.running_fleet import RunningFleet, Traveller

CITIES = {"CDG": "PAR", "ICN": "SEL", "JFK": "NYC", "LHR": "LON", "PEK": "BJS", "PVG": "SHA", "YYZ": "YTO"}
# Another airport of the same city, from which none of the files' fares goes.
NEIGHBOURS = {"CDG": "ORY", "ICN": "GMP", "JFK": "EWR", "LHR": "LGW", "PEK": "PKX", "YYZ": "YTZ"}
# Of the price of some fare: too low ever to fire, exactly that price, and one that nearly every fare is below.
SHARES = (0.1, 0.5, 0.8, 0.9, 0.95, 1, 1, 1.05, 1.3)
DAYS_AROUND = (0, 0, 3, 14, 180)
CURRENCIES = ("EUR", "USD", "HUF", "JPY")


@dataclass(frozen=True)
class Wishes:
    """Alerts made over HTTP, by id, and the devices that their pushes go to."""

    alerts: dict[str, Alert] = field(default_factory=dict)
    devices: dict[str, Sequence[str]] = field(default_factory=dict)

    def make(self, fleet: RunningFleet, fares: Sequence[Fare], rates: Rates, *, count: int, seed: int) -> None:
        """Make so many alerts for travellers with no, one and two devices."""
        chance = random.Random(seed)  # noqa: S311  # plausible, not secret
        travellers = [fleet.traveller(devices) for devices in (0, 1, 2)]
        for _ in range(count):
            self._make(chance.choice(travellers), _wish(chance, chance.choice(fares)), rates)

    def _make(self, traveller: Traveller, wish: Mapping[str, Any], rates: Rates) -> None:
        alert_id = traveller.wish(**wish)
        self.alerts[alert_id] = _alert(wish, rates)
        self.devices[alert_id] = traveller.devices


def _wish(chance: random.Random, fare: Fare) -> dict[str, Any]:
    around = timedelta(chance.choice(DAYS_AROUND))
    return {
        "origin": _place(chance, fare.origin),
        "destination": _place(chance, fare.destination),
        "departure_from": (fare.departure - around).isoformat(),
        "departure_to": (fare.departure + around).isoformat(),
        "rule": {"kind": "target", "price": _price(chance, fare)},
    }


def _price(chance: random.Random, fare: Fare) -> dict[str, Any]:
    if chance.random() < 0.2:
        return {"amount": chance.randint(1, 200_000), "currency": chance.choice(CURRENCIES)}
    return {"amount": round(fare.price * chance.choice(SHARES)), "currency": fare.currency}


def _place(chance: random.Random, airport: str) -> str:
    """The airport, its city, or now and then its neighbour."""
    if chance.random() < 0.1:
        return NEIGHBOURS.get(airport, airport)
    return chance.choice((airport, CITIES.get(airport, airport)))


def _alert(wish: Mapping[str, Any], rates: Rates) -> Alert:
    price = wish["rule"]["price"]
    return Alert(
        origins=_airports(wish["origin"]),
        destinations=_airports(wish["destination"]),
        first=date.fromisoformat(wish["departure_from"]),
        last=date.fromisoformat(wish["departure_to"]),
        armed=rates.euro_cents(price["amount"], price["currency"]),
    )


def _airports(place: str) -> frozenset[str]:
    """Of a city, those that the files know."""
    return frozenset({airport for airport, city in CITIES.items() if city == place} or {place})
