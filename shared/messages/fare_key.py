"""Fares and boards as 8-byte keys that can be read back.

A fare key within its board is a mixed-radix number of carrier, flight number, departure minute, cabin, stops
and currency: 37^3 x 270,001 x 1,441 x 4 x 8 x 26^3 = 1.1e19, which fits 64 bits unsigned. Its order is that
of its parts from left to right. A board key holds origin, destination and both dates.
"""

from datetime import date, timedelta
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from shared.messages.codes import (
    CABINS,
    UNKNOWN_FLIGHT,
    airport_code,
    cabin_code,
    carrier_code,
    carrier_of,
    currency_code,
    flight_code,
    flight_of,
    letters_of,
)

Ints = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]

UNKNOWN_MINUTE: Final = 24 * 60
_RADICES: Final = (270_001, 1_441, 4, 8, 26**3)  # of all parts but the first
_DAY_BITS: Final = 16  # until the year 2149
_AIRPORT_BITS: Final = 15
DATES_BITS: Final = 2 * _DAY_BITS  # the lower part of a board key
_EPOCH: Final = date(1970, 1, 1)


class FareParts(NamedTuple):
    """The coded parts of fare keys, most significant first; each an array of n codes."""

    carrier: Ints
    flight: Ints
    minute: Ints
    cabin: Ints
    stops: Ints
    currency: Ints


class Board(NamedTuple):
    """What a fare board is about."""

    origin: str
    destination: str
    departure_date: date
    return_date: date | None


class Fare(NamedTuple):
    """What tells a fare from the others on its board."""

    carrier: str | None
    flight_number: str | None
    departure_time: str | None
    cabin: str
    stops: int
    currency: str


def pack_fares(parts: FareParts) -> Keys:
    """The fare keys of n rows; codes out of range give keys without meaning."""
    key = parts.carrier.astype(np.uint64)
    for codes, radix in zip(parts[1:], _RADICES, strict=True):
        key = key * np.uint64(radix) + codes.astype(np.uint64)
    return key


def split_fares(keys: Keys) -> FareParts:
    """The coded parts of n fare keys."""
    digits: list[Ints] = []
    rest = keys
    for radix in reversed(_RADICES):
        rest, digit = np.divmod(rest, np.uint64(radix))
        digits.append(digit.astype(np.int64))
    return FareParts(rest.astype(np.int64), *reversed(digits))


def pack_fare(fare: Fare) -> int:
    """The key of one fare; its parts must be valid."""
    hours, _, minutes = (fare.departure_time or "24:00").partition(":")
    key = carrier_code(fare.carrier) if fare.carrier else 0
    further = (
        flight_code(fare.flight_number) if fare.flight_number else UNKNOWN_FLIGHT,
        int(hours) * 60 + int(minutes),
        cabin_code(fare.cabin),
        fare.stops,
        currency_code(fare.currency),
    )
    for code, radix in zip(further, _RADICES, strict=True):
        key = key * radix + code
    return key


@lru_cache(maxsize=16_384)  # a claim asks about its fare more than once
def unpack_fare(key: int) -> Fare:
    """Read one fare key back."""
    digits = []
    for radix in reversed(_RADICES):
        key, digit = divmod(key, radix)
        digits.append(digit)
    currency, stops, cabin, minute, flight = digits
    time = None if minute == UNKNOWN_MINUTE else f"{minute // 60:02d}:{minute % 60:02d}"
    return Fare(carrier_of(key), flight_of(flight), time, CABINS[cabin], stops, letters_of(currency))


def pack_boards(origin: Ints, destination: Ints, departure: Ints, returning: Ints) -> Keys:
    """The board keys of n rows; days count from 1970, a return of 0 is one way."""
    key = origin.astype(np.uint64)
    for codes, bits in ((destination, _AIRPORT_BITS), (departure, _DAY_BITS), (returning, _DAY_BITS)):
        key = (key << np.uint64(bits)) | codes.astype(np.uint64)
    return key


class BoardParts(NamedTuple):
    """The coded parts of n board keys: both airports in one code, and days since 1970, 0 for no return."""

    airports: Ints
    departure: Ints
    returning: Ints


def split_boards(boards: Keys) -> BoardParts:
    """The coded parts of n board keys."""
    days = np.uint64(2**_DAY_BITS - 1)
    parts = (boards >> np.uint64(DATES_BITS), boards >> np.uint64(_DAY_BITS) & days, boards & days)
    return BoardParts(*(part.astype(np.int64) for part in parts))


def airports_of(code: int) -> tuple[str, str]:
    """Origin and destination of the airports' code in a board key."""
    return letters_of(code >> _AIRPORT_BITS), letters_of(code & (2**_AIRPORT_BITS - 1))


def pack_board(board: Board) -> int:
    """The key of one board; its airports must be known."""
    key = airport_code(board.origin) << _AIRPORT_BITS | airport_code(board.destination)
    for day in (board.departure_date, board.return_date):
        key = key << _DAY_BITS | ((day - _EPOCH).days if day else 0)
    return key


@lru_cache(maxsize=4_096)  # a batch asks about each of its hundreds of boards more than once
def unpack_board(key: int) -> Board:
    """Read one board key back."""
    returning = key & (2**_DAY_BITS - 1)
    destination = key >> 2 * _DAY_BITS & (2**_AIRPORT_BITS - 1)
    origin = key >> 2 * _DAY_BITS + _AIRPORT_BITS
    return Board(
        letters_of(origin),
        letters_of(destination),
        _EPOCH + timedelta(days=departure_of(key)),
        _EPOCH + timedelta(days=returning) if returning else None,
    )


def departure_of(board: int) -> int:
    """The departure date of one board key, in days since 1970."""
    return board >> _DAY_BITS & (2**_DAY_BITS - 1)


def fare_name(board: Board, fare: Fare) -> str:
    """A fare in words: `JFK-LHR:2026-12-24:BA117@18:25:economy:0:USD`, with unknown parts empty."""
    dates = ":".join(str(day) for day in (board.departure_date, board.return_date) if day)
    flight = f"{fare.carrier or ''}{fare.flight_number or ''}@{fare.departure_time or ''}"
    return f"{board.origin}-{board.destination}:{dates}:{flight}:{fare.cabin}:{fare.stops}:{fare.currency}"


def currency_of(fares: Keys) -> Ints:
    """The currency codes of n fare keys: the last part."""
    return (fares % np.uint64(_RADICES[-1])).astype(np.int64)
