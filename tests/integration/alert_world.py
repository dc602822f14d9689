"""A small world for alerts: two routes on two shards, five days, few flights, and prices that collide.

All dates are far ahead, for Redis forgets boards by its own clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Any, Literal, NamedTuple, get_args

from hypothesis import strategies as st

START = datetime(2090, 3, 1, 12, tzinfo=UTC)
LIFETIME = timedelta(days=4)
DAYS = [date(2090, 3, 10) + timedelta(days=ahead) for ahead in range(5)]
AIRPORTS = {
    "NYC": ("EWR", "JFK", "LGA"),
    "LON": ("LCY", "LGW", "LHR", "LTN", "SEN", "STN"),
    "PAR": ("BVA", "CDG", "ORY"),
}
Cabin = Literal["economy", "premium_economy", "business", "first"]
CABINS = get_args(Cabin)
Kind = Literal["target", "drop", "new_low"]
DECIMALS = {"EUR": 2, "USD": 2, "JPY": 0}


class Board(NamedTuple):
    """Ordered as boards are."""

    origin: str
    destination: str
    departure: date
    back: date | None

    @property
    def route(self) -> str:
        return "-".join(next(city for city in AIRPORTS if code in AIRPORTS[city]) for code in self[:2])

    @property
    def order(self) -> tuple[Any, ...]:
        return self.origin, self.destination, self.departure, self.back or date.min


class Offer(NamedTuple):
    """Ordered as fares on a board are, for flights numbered alike."""

    carrier: str | None
    flight: str | None
    time: str | None
    cabin: str
    stops: int
    currency: str

    @property
    def order(self) -> tuple[Any, ...]:
        return self.carrier or "", self.flight or "", self.time or "24:00", CABINS.index(self.cabin), *self[4:]


class Sighting(NamedTuple):
    board: Board
    offer: Offer
    price: int
    age: timedelta  # when the batch is made


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a traveller asks for; None lets everything through."""

    destination: str
    origins: tuple[str, ...] | None = None
    destinations: tuple[str, ...] | None = None
    departure_from: date
    departure_to: date
    round_trip: bool = False
    return_from: date | None = None
    return_to: date | None = None
    nights_min: int | None = None
    nights_max: int | None = None
    weekdays: tuple[int, ...] | None = None
    cabin: Cabin | None = None
    max_stops: int | None = None
    carriers: tuple[str, ...] | None = None
    excluded_carriers: tuple[str, ...] | None = None
    kind: Kind
    target: int | None = None
    currency: str
    percent: int | None = None
    improvement: int
    rearm: Literal["once", "recovery"]

    @property
    def route(self) -> str:
        return f"NYC-{self.destination}"


BOARDS = [
    Board("JFK", "LHR", DAYS[0], None),
    Board("JFK", "LHR", DAYS[2], None),
    Board("EWR", "LGW", DAYS[2], None),
    Board("JFK", "LHR", DAYS[2], DAYS[4]),
    Board("JFK", "LHR", DAYS[2], DAYS[4] + timedelta(days=3)),
    Board("EWR", "LHR", DAYS[4], None),
    Board("JFK", "CDG", DAYS[1], None),
    Board("EWR", "ORY", DAYS[3], None),
    Board("JFK", "CDG", DAYS[1], DAYS[3]),
]
OFFERS = [
    Offer("BA", "117", "18:25", "economy", 0, "EUR"),
    Offer("BA", "117", "18:25", "economy", 0, "USD"),
    Offer("U2", "88", None, "economy", 1, "JPY"),
    Offer(None, None, None, "economy", 0, "EUR"),
    Offer("BA", "117", "18:25", "business", 0, "EUR"),
]

# About 100 euros each and few, so that prices of all currencies collide, with each other and with what is 2, 5 and
# 10 % below them.
PRICES = [8_819, 8_820, 8_900, 9_000, 9_309, 9_310, 9_500, 9_800, 10_000, 10_200, 10_600]
ABOVE_ALL = 10_700
prices = st.sampled_from([*PRICES, ABOVE_ALL, *PRICES, ABOVE_ALL, 0, -1])
targets = st.sampled_from([9_000, 9_500, 9_500, 10_000])
ages = st.sampled_from(
    [*[timedelta()] * 6, timedelta(minutes=1), timedelta(days=2), LIFETIME * 2, -timedelta(minutes=9)]
)
# Mostly of few boards and offers: what matters is what becomes of one fare.
boards = st.one_of(st.just(BOARDS[1]), st.just(BOARDS[1]), st.sampled_from(BOARDS))
offers = st.one_of(st.just(OFFERS[0]), st.just(OFFERS[0]), st.sampled_from(OFFERS))
batches = st.lists(st.builds(Sighting, boards, offers, prices, ages), min_size=1, max_size=5)


KINDS: list[Kind] = ["target", "target", "drop", "new_low"]
CARRIERS: list[dict[str, Any]] = [{}, {}, {}, {}, {"carriers": ("BA",)}, {"excluded_carriers": ("U2", "BA")}]
BOUNDS: list[dict[str, Any]] = [{"return_to": DAYS[-1] + timedelta(days=10)}, {"nights_max": 3}, {"nights_max": 5}]


def seldom(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """None three times in four."""
    return st.one_of(st.none(), st.none(), st.none(), values)


def _window(days: Sequence[date]) -> st.SearchStrategy[tuple[date, date]]:
    whole = st.just((days[0], days[-1]))
    return st.one_of(whole, whole, st.sampled_from([pair for pair in product(days, days) if pair[0] <= pair[1]]))


@st.composite
def wishes(draw: st.DrawFn) -> Wish:
    """Of all rules and filters; most let most fares through."""
    destination = draw(st.sampled_from(["LON", "LON", "LON", "PAR"]))
    kind: Kind = draw(st.sampled_from(KINDS))
    first, last = draw(_window(DAYS))
    return Wish(
        destination=destination,
        origins=draw(seldom(st.sampled_from([("JFK",), ("EWR",), ("EWR", "JFK")]))),
        destinations=draw(seldom(st.sampled_from([AIRPORTS[destination][1:3], AIRPORTS[destination][-1:]]))),
        departure_from=first,
        departure_to=last,
        **draw(_returning(first)),
        weekdays=draw(
            seldom(st.sampled_from([tuple({0, 1, 2, 3, last.weekday()}), tuple({4, 5, 6, first.weekday()})]))
        ),
        cabin=draw(seldom(st.sampled_from(["economy", "business"]))),
        max_stops=draw(seldom(st.sampled_from([0, 1]))),
        **draw(st.sampled_from(CARRIERS)),
        kind=kind,
        target=draw(targets) if kind == "target" else None,
        currency=draw(st.sampled_from(["EUR", "USD", "USD", "JPY"])),
        percent=draw(st.sampled_from([1, 5, 10])) if kind == "drop" else None,
        improvement=draw(st.sampled_from([2, 2, 1, 10])),
        rearm=draw(st.sampled_from(["recovery", "recovery", "recovery", "once"])),
    )


@st.composite
def _returning(draw: st.DrawFn, first: date) -> dict[str, Any]:
    """Mostly one way; a round trip has an upper bound."""
    if not draw(st.sampled_from([False, False, False, True])):
        return {}
    floors: list[dict[str, Any]] = [{}, {"nights_min": 2}, {"nights_min": 3}, {"return_from": first}]
    return {"round_trip": True} | draw(st.sampled_from(BOUNDS)) | draw(st.sampled_from(floors))
