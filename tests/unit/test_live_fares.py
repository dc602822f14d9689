"""Fares as the boards have them, to be put in order."""

from datetime import date

import numpy as np

from services.alerts_api.fares.live import LiveFares
from shared.messages.codes import letters_of
from shared.messages.fare_key import Board, Fare, pack_board, pack_fare

OUT, BACK = date(2026, 12, 24), date(2027, 1, 3)
ONE_WAY, ROUND = (pack_board(Board("JFK", "LHR", OUT, back)) for back in (None, BACK))


def fare(carrier: str = "BA", time: str | None = "18:25", cabin: str = "economy", currency: str = "EUR") -> int:
    return pack_fare(Fare(carrier, "117", time, cabin, 0, currency))


def live(*keys: tuple[int, int]) -> LiveFares:
    ordered = np.array(sorted(keys), dtype=np.uint64).reshape(-1, 2)
    numbers = np.arange(len(ordered))
    return LiveFares(ordered[:, 0], ordered[:, 1], numbers, numbers)


def test_fares_of_one_flight_in_several_currencies_share_its_number() -> None:
    fares = live(
        (ONE_WAY, fare()),
        (ONE_WAY, fare(currency="USD")),
        (ONE_WAY, fare(time="19:00")),
        (ONE_WAY, fare(cabin="first")),
        (ONE_WAY, fare("VS")),
        (ROUND, fare("VS")),
    )
    found = fares.found()
    currencies = [letters_of(code) for code in found.currency]
    by_flight: dict[int, set[str]] = {}
    for number, currency in zip(found.flight.tolist(), currencies, strict=True):
        by_flight.setdefault(number, set()).add(currency)
    assert sorted(by_flight.values(), key=len) == [{"EUR"}] * 4 + [{"EUR", "USD"}]


def test_departures_are_told_to_the_minute_and_unknown_ones_end_their_day() -> None:
    departure = live((ONE_WAY, fare(time="00:00")), (ONE_WAY, fare(time="18:25")), (ONE_WAY, fare(time=None))).found()
    midnight = (OUT - date(1970, 1, 1)).days * 24 * 60
    assert departure.departure.tolist() == [midnight, midnight + 18 * 60 + 25, midnight + 24 * 60]


def test_a_fare_is_described_by_its_board_and_key() -> None:
    assert live((ROUND, fare())).found().describe(0) == {
        "origin": "JFK",
        "destination": "LHR",
        "departure_date": OUT,
        "return_date": BACK,
        "carrier": "BA",
        "flight_number": "117",
        "departure_time": "18:25",
        "cabin": "economy",
        "stops": 0,
    }


def test_no_fares_are_none() -> None:
    assert len(live().found()) == 0
