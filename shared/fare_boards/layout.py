"""How a fare board lies in its Redis value: a header, then fixed-width rows sorted by fare key.

The header is one byte of format and seven of version; every write moves the version, and a board made anew
starts at a random one, so that equal headers mean equal boards. A row is 23 bytes, little-endian.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from shared.errors import FarelarkError
from shared.messages.fare_key import DATES_BITS, unpack_board

FORMAT: Final = 1
HEADER_BYTES: Final = 8
ABSENT: Final = b""  # the header of a board that does not exist
ROW: Final = np.dtype(
    [
        ("fare", "<u8"),  # the fare key
        (
            "reference",
            "<u4",
        ),  # minor units of the reference currency, at the rates when this price was first seen
        ("price_low", "<u4"),  # price in minor units of the fare's currency, 40 bits
        ("price_high", "u1"),
        ("observed_low", "<u4"),  # last sighting in ms since 1970, 48 bits
        ("observed_high", "<u2"),
    ]
)
MAX_REFERENCE: Final = 2**32 - 1
_VERSION_BITS: Final = 56
_DAYS_KEPT_AFTER_DEPARTURE: Final = 2  # the departure date may last that long somewhere
_EPOCH: Final = date(1970, 1, 1)

Ints = npt.NDArray[np.int64]
Rows = npt.NDArray[np.void]


class BoardFormatError(FarelarkError):
    """A Redis value is no fare board of a format known here.

    Args:
        position: of the value among those read.
        value: the value itself.
    """

    def __init__(self, position: int, value: bytes) -> None:
        super().__init__(f"a board of format {value[0]} with {len(value)} bytes cannot be read")
        self.position = position


@dataclass(frozen=True, slots=True)
class Boards:
    """Several boards read together: board i has `rows[offsets[i]:offsets[i + 1]]`."""

    headers: list[bytes]
    offsets: Ints
    rows: Rows


def parse(values: Sequence[bytes | None]) -> Boards:
    """Read the values of several boards; None is a board that does not exist.

    Raises:
        BoardFormatError: a value is not a board of this format.
    """
    present = [value or ABSENT for value in values]
    for position, value in enumerate(present):
        if value and (value[0] != FORMAT or (len(value) - HEADER_BYTES) % ROW.itemsize):
            raise BoardFormatError(position, value)
    sizes = [max(0, len(value) - HEADER_BYTES) // ROW.itemsize for value in present]
    return Boards(
        headers=[value[:HEADER_BYTES] for value in present],
        offsets=np.concatenate(([0], np.cumsum(sizes, dtype=np.int64))),
        rows=np.frombuffer(b"".join(value[HEADER_BYTES:] for value in present), dtype=ROW),
    )


def next_header(header: bytes) -> bytes:
    """The header after one more write."""
    version = int.from_bytes(header[1:], "big") + 1 if header else secrets.randbits(_VERSION_BITS)
    return bytes([FORMAT]) + (version % 2**_VERSION_BITS).to_bytes(HEADER_BYTES - 1, "big")


def prices(rows: Rows) -> Ints:
    """The 40-bit prices of rows."""
    return rows["price_low"].astype(np.int64) | rows["price_high"].astype(np.int64) << 32


def observations(rows: Rows) -> Ints:
    """The 48-bit instants of last sighting of rows, in ms since 1970."""
    return rows["observed_low"].astype(np.int64) | rows["observed_high"].astype(np.int64) << 32


def put_prices(rows: Rows, where: Ints, values: Ints, references: Ints) -> None:
    """Write prices and their reference amounts into the rows at these positions."""
    rows["price_low"][where] = values & 0xFFFFFFFF
    rows["price_high"][where] = values >> 32
    rows["reference"][where] = np.minimum(references, MAX_REFERENCE)


def put_observations(rows: Rows, where: Ints, values: Ints) -> None:
    """Write instants of sighting into the rows at these positions."""
    rows["observed_low"][where] = values & 0xFFFFFFFF
    rows["observed_high"][where] = values >> 32


def redis_key(board: int) -> str:
    """The Redis key of a packed board key: `fares:JFK-LHR:2026-12-24`, with `:2027-01-03` for a return."""
    airports, dates = divmod(board, 2**DATES_BITS)
    return _airports_in_key(airports) + _dates_in_key(dates)


@lru_cache(maxsize=65_536)
def _airports_in_key(airports: int) -> str:
    board = unpack_board(airports << DATES_BITS)
    return f"fares:{board.origin}-{board.destination}"


@lru_cache(maxsize=65_536)
def _dates_in_key(dates: int) -> str:
    board = unpack_board(dates)
    return f":{board.departure_date}" + (f":{board.return_date}" if board.return_date else "")


def expires_at(board: int) -> int:
    """When Redis may forget the board, in seconds since 1970."""
    days = (unpack_board(board).departure_date - _EPOCH).days + _DAYS_KEPT_AFTER_DEPARTURE
    return days * 24 * 3600
