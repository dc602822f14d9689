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

from shared.messages.codes import CABINS, carrier_of, flight_of, letters_of

Ints = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]

UNKNOWN_MINUTE: Final = 24 * 60
_RADICES: Final = (270_001, 1_441, 4, 8, 26**3)  # of all parts but the first
_DAY_BITS: Final = 16  # until the year 2149
_AIRPORT_BITS: Final = 15
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


@lru_cache(maxsize=4_096)  # a batch asks about each of its hundreds of boards more than once
def unpack_board(key: int) -> Board:
    """Read one board key back."""
    returning = key & (2**_DAY_BITS - 1)
    departure = key >> _DAY_BITS & (2**_DAY_BITS - 1)
    destination = key >> 2 * _DAY_BITS & (2**_AIRPORT_BITS - 1)
    origin = key >> 2 * _DAY_BITS + _AIRPORT_BITS
    return Board(
        letters_of(origin),
        letters_of(destination),
        _EPOCH + timedelta(days=departure),
        _EPOCH + timedelta(days=returning) if returning else None,
    )


def currency_of(fares: Keys) -> Ints:
    """The currency codes of n fare keys: the last part."""
    return (fares % np.uint64(_RADICES[-1])).astype(np.int64)
