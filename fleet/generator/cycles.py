"""Cycles of generated fares: the same fare keys in the same order every time, those of a board together."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fleet.generator.prices import Floats, Ints, Prices
from fleet.generator.schedule import Offer, offers
from shared.airports import city_of
from shared.messages.batches import MAX_ROWS
from shared.messages.fares import FARES_SCHEMA

Days = npt.NDArray[np.datetime64]

# Departures are spread over these days; when more fares are wanted, return trips of these lengths follow.
_DAYS_AHEAD: Final = 300
_ONE_WAY: Final = 0
_STAYS: Final = (_ONE_WAY, 7, 14, 3, 10, 21)

_RETURN_LEVEL: Final = 1.75
_CONNECTION_LEVEL: Final = 0.85
_CABIN_LEVELS: Final = {"economy": 1.0, "premium_economy": 1.7, "business": 3.3}
_WEEKDAY_LEVELS: Final = np.array([1.0, 0.92, 0.92, 1.0, 1.12, 1.0, 1.12])  # from Monday
_MONTH_LEVELS: Final = np.array([0.88, 0.88, 0.95, 1.0, 1.0, 1.1, 1.22, 1.2, 1.0, 0.96, 0.9, 1.18])

# Minor units per euro, roughly, and the minor units that prices are rounded to.
_CURRENCIES: Final = {
    "AUD": (165, 100),
    "CAD": (148, 100),
    "CHF": (95, 100),
    "EUR": (100, 100),
    "GBP": (85, 100),
    "JPY": (163, 100),
    "SEK": (1_140, 1_000),
    "USD": (109, 100),
}


class Low(NamedTuple):
    """The lowest economy fare of a route and date, in minor units."""

    origin_city: str
    destination_city: str
    departure_date: date
    currency: str
    price: int


class Generator:
    """Fares whose prices move from cycle to cycle, the same ones for the same seed.

    Args:
        seed: whatever it is, a run can be repeated.
        fares: how many there are in a cycle.
        today: departures lie between tomorrow and 300 days later.
        changed: the expected share of fares whose price differs from the cycle before.
    """

    def __init__(self, seed: int, fares: int, today: date, changed: float = 0.2) -> None:
        self.fares = fares
        self._seed, self._changed = seed, changed
        self._today = np.datetime64(today, "D")
        self._offers = offers()
        self._departures, self._returns = _trips(-(-fares // len(self._offers)), self._today)
        # A fare is an offer on a trip: the pair of a departure and a return date.
        self._trip, self._offer = np.divmod(np.arange(fares, dtype=np.int32), np.int32(len(self._offers)))
        self._columns = _columns(self._offers)
        self._routes, self._route_of_offer = _routes(self._offers)
        self._begin()

    def cycle(self, number: int, observed_at: datetime) -> Iterator[pa.RecordBatch]:
        """All fares of a cycle, counted from 0, in batches with the columns of `FARES_SCHEMA`.

        Going on from the last cycle takes a moment; going back begins again.
        """
        if number < self._cycle:
            self._begin()
        while self._cycle < number:
            self._cycle += 1
            self._prices.move(np.random.default_rng((self._seed, self._cycle)))
        return self._batches(self._in_minor_units(), observed_at)

    def lows(self) -> list[Low]:
        """The lowest one-way economy fares of the last cycle, by route and date."""
        economy = np.array([offer.cabin == "economy" for offer in self._offers])
        wanted = economy[self._offer] & np.isnat(self._returns)[self._trip]
        trip, route = self._trip[wanted], self._route_of_offer[self._offer[wanted]]
        nothing = np.iinfo(np.int64).max
        lowest = np.full((len(self._departures), len(self._routes)), nothing)
        np.minimum.at(lowest, (trip, route), self._in_minor_units()[wanted])
        return [
            Low(origin, destination, self._departures[i].item(), currency, int(lowest[i, j]))
            for i, j in np.argwhere(lowest != nothing)
            for origin, destination, currency in [self._routes[j]]
        ]

    def _begin(self) -> None:
        self._cycle = 0
        days_ahead = (self._departures - self._today).astype(np.float32)
        self._prices = Prices(
            usual=self._usual_prices(),
            days_ahead=days_ahead[self._trip],
            route=self._route_of_offer[self._offer],
            changed=self._changed,
            random=np.random.default_rng((self._seed, 0)),
        )

    def _usual_prices(self) -> Floats:
        """In euros, by distance, airline, cabin, connection, month, weekday and stay."""
        months = self._departures.astype("datetime64[M]").astype(np.int64) % 12
        weekdays = (self._departures.astype(np.int64) + 3) % 7  # 1970 began on a Thursday
        stays = np.where(np.isnat(self._returns), 1, _RETURN_LEVEL)
        of_trip = (_MONTH_LEVELS[months] * _WEEKDAY_LEVELS[weekdays] * stays).astype(np.float32)
        of_offer = np.array([_usual_price(offer) for offer in self._offers], dtype=np.float32)
        usual: Floats = of_offer[self._offer] * of_trip[self._trip]
        return usual

    def _in_minor_units(self) -> Ints:
        """The present prices in the fares' currencies, rounded as airlines round them."""
        per_euro, step = np.array([_CURRENCIES[offer.currency] for offer in self._offers]).T
        steps = np.rint(self._prices.in_euros() * (per_euro / step)[self._offer]).astype(np.int64)
        prices: Ints = steps * step[self._offer]
        return prices

    def _batches(self, prices: Ints, observed_at: datetime) -> Iterator[pa.RecordBatch]:
        for start in range(0, len(prices), MAX_ROWS):
            rows = slice(start, start + MAX_ROWS)
            offer, trip = pa.array(self._offer[rows]), self._trip[rows]
            values = {name: column.take(offer) for name, column in self._columns.items()}
            values["departure_date"] = pa.array(self._departures[trip])
            values["return_date"] = pa.array(self._returns[trip])
            values["price"] = pa.array(prices[rows])
            values["observed_at"] = pa.repeat(pa.scalar(observed_at, pa.timestamp("ms", "UTC")), len(offer))
            values["source"] = pa.repeat("generator", len(offer))
            yield pa.record_batch([values[name] for name in FARES_SCHEMA.names], schema=FARES_SCHEMA)


def _trips(count: int, today: np.datetime64) -> tuple[Days, Days]:
    """The departure and return dates of so many trips, one way first."""
    if count > _DAYS_AHEAD * len(_STAYS):
        raise ValueError(f"fewer fares, please: {count} trips are wanted, there are {_DAYS_AHEAD * len(_STAYS)}")
    departures, returns = [np.array([], "datetime64[D]")], [np.array([], "datetime64[D]")]
    for first, stay in zip(range(0, count, _DAYS_AHEAD), _STAYS, strict=False):
        days = np.linspace(1, _DAYS_AHEAD, min(_DAYS_AHEAD, count - first)).astype(np.int64)
        departures.append(today + days)
        returns.append(departures[-1] + np.timedelta64("NaT" if stay == _ONE_WAY else stay, "D"))
    return np.concatenate(departures), np.concatenate(returns)


def _columns(sold: tuple[Offer, ...]) -> dict[str, pa.Array]:
    """What is fixed for each offer, as columns of fares."""
    texts = ("origin", "destination", "carrier", "flight_number", "cabin", "currency")
    columns = {name: pa.array([getattr(offer, name) for offer in sold]) for name in texts}
    columns["stops"] = pa.array([offer.stops for offer in sold], pa.uint8())
    seconds = pa.array([offer.departure_minute * 60 for offer in sold], pa.int32())
    return columns | {"departure_time": seconds.cast(pa.time32("s"))}


def _routes(sold: tuple[Offer, ...]) -> tuple[list[tuple[str, str, str]], Ints]:
    """The routes (both cities and the currency) and the position of each offer's among them."""
    names = [(city_of(offer.origin), city_of(offer.destination), offer.currency) for offer in sold]
    routes = list(dict.fromkeys(names))
    position = {route: index for index, route in enumerate(routes)}
    return routes, np.array([position[name] for name in names])


def _usual_price(offer: Offer) -> float:
    """In euros: something for the airports and so much a kilometre."""
    price = (45 + 0.055 * offer.kilometres) * offer.price_level * _CABIN_LEVELS[offer.cabin]
    return price * _CONNECTION_LEVEL if offer.stops else price
