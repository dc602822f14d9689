"""Wishes for the fares of a file, as the API and as the model understand them."""

import random
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from tests.e2e.model import Alert, Fare, Rates
from tests.e2e.running_fleet import RunningFleet

CITIES = {"CDG": "PAR", "ICN": "SEL", "JFK": "NYC", "LHR": "LON", "PEK": "BJS", "PVG": "SHA", "YYZ": "YTO"}
# Another airport of the same city, from which none of the files' fares goes.
NEIGHBOURS = {"CDG": "ORY", "ICN": "GMP", "JFK": "EWR", "LHR": "LGW", "PEK": "PKX", "YYZ": "YTZ"}
# Of the price of some fare: too low ever to fire, exactly that price, and one that nearly every fare is below.
SHARES = (0.1, 0.5, 0.8, 0.9, 0.95, 1, 1, 1.05, 1.3)
DAYS_AROUND = (0, 0, 3, 14, 180)
CURRENCIES = ("EUR", "USD", "HUF", "JPY")


WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
CARRIERS = ("W6", "DL", "KL", "BA", "KE", "UA", "FR")
SENDERS = 8  # requests at once


@dataclass(frozen=True)
class Wishes:
    """Alerts made over HTTP, by id, and the devices that their pushes go to."""

    alerts: dict[str, Alert] = field(default_factory=dict)
    devices: dict[str, Sequence[str]] = field(default_factory=dict)

    def make(
        self, fleet: RunningFleet, fares: Sequence[Fare], rates: Rates, *, count: int, seed: int
    ) -> dict[str, Alert]:
        """Make so many alerts for travellers with no, one and two devices; returns the new ones."""
        chance = random.Random(seed)  # noqa: S311  # plausible, not secret
        travellers = [fleet.traveller(devices) for devices in (0, 1, 2)]
        wishes = [(chance.choice(travellers), _wish(chance, chance.choice(fares))) for _ in range(count)]
        with ThreadPoolExecutor(SENDERS) as senders:
            ids = list(senders.map(lambda pair: pair[0].wish(**pair[1]), wishes))
        made = {alert_id: _alert(wish, rates) for alert_id, (_, wish) in zip(ids, wishes, strict=True)}
        self.alerts.update(made)
        self.devices.update({alert_id: who.devices for alert_id, (who, _) in zip(ids, wishes, strict=True)})
        return made


def _wish(chance: random.Random, fare: Fare) -> dict[str, Any]:
    around = timedelta(chance.choice(DAYS_AROUND))
    return {
        "origin": _place(chance, fare.origin),
        "destination": _place(chance, fare.destination),
        "departure_from": (fare.departure - around).isoformat(),
        "departure_to": (fare.departure + around).isoformat(),
        "rule": _rule(chance, fare),
        "improvement_percent": chance.choice((1, 2, 2, 2, 5, 20)),
        "rearm": chance.choice(("recovery", "recovery", "once")),
        **_filters(chance, fare),
    }


def _rule(chance: random.Random, fare: Fare) -> dict[str, Any]:
    currency = chance.choice((fare.currency, *CURRENCIES))
    return chance.choice(
        (
            {"kind": "target", "price": _price(chance, fare)},
            {"kind": "target", "price": _price(chance, fare)},
            {"kind": "drop", "percent": chance.choice((1, 5, 10, 30, 50)), "currency": currency},
            {"kind": "new_low", "currency": currency},
        )
    )


def _filters(chance: random.Random, fare: Fare) -> dict[str, Any]:
    """Mostly none; else one that lets most fares through, or few, or none."""
    own = fare.carrier or "W6"
    return chance.choice(
        (
            {},
            {},
            {},
            {},
            {"weekdays": sorted({WEEKDAYS[fare.departure.weekday()], *chance.sample(WEEKDAYS, chance.randint(0, 5))})},
            {"cabin": chance.choice(("economy", "economy", "business"))},
            {"max_stops": chance.choice((0, 2))},
            {"carriers": sorted({own, chance.choice(CARRIERS)})},
            {"carriers": [chance.choice(CARRIERS)]},
            {"excluded_carriers": [chance.choice(CARRIERS)]},
            {"round_trip": {"nights_min": 2, "nights_max": 5}},
        )
    )


def _price(chance: random.Random, fare: Fare) -> dict[str, Any]:
    if chance.random() < 0.2:
        return {"amount": chance.randint(1, 200_000), "currency": chance.choice(CURRENCIES)}
    return {"amount": round(fare.price * chance.choice(SHARES)), "currency": fare.currency}


def _place(chance: random.Random, airport: str) -> str | list[str]:
    """The airport, its city, now and then its neighbour, or both."""
    neighbour = NEIGHBOURS.get(airport)
    if neighbour and chance.random() < 0.2:
        return chance.choice((neighbour, [neighbour, airport]))
    return chance.choice((airport, CITIES.get(airport, airport)))


def _alert(wish: Mapping[str, Any], rates: Rates) -> Alert:
    rule, carriers = wish["rule"], wish.get("carriers")
    price = rule.get("price")
    return Alert(
        origins=_airports(wish["origin"]),
        destinations=_airports(wish["destination"]),
        first=date.fromisoformat(wish["departure_from"]),
        last=date.fromisoformat(wish["departure_to"]),
        rule=rule["kind"],
        initial=rates.euro_cents(price["amount"], price["currency"]) if price else None,
        percent=rule.get("percent", 0),
        improvement=wish["improvement_percent"],
        once=wish["rearm"] == "once",
        one_way="round_trip" not in wish,
        weekdays=frozenset(map(WEEKDAYS.index, wish.get("weekdays", WEEKDAYS))),
        cabins=frozenset({wish.get("cabin", "economy")}),
        carriers=carriers and frozenset(carriers),
        excluded=frozenset(wish.get("excluded_carriers", ())),
    )


def _airports(place: str | list[str]) -> frozenset[str]:
    """Of a city, those that the files know."""
    if isinstance(place, list):
        return frozenset(place)
    return frozenset({airport for airport, city in CITIES.items() if city == place} or {place})
