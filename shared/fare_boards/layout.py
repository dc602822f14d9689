"""How a fare board lies in its Redis value: a header, then fixed-width rows sorted by fare key.

The header is one byte of format and seven of version; every write moves the version, and a board made anew
starts at a random one, so that equal headers mean equal boards. A row is 23 bytes, little-endian.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from shared.errors import FarelarkError
from shared.messages.fare_key import DATES_BITS, departure_of, unpack_board

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
        ("observed_low", "<u4"),  # last sighting in ms since 1970, 44 bits
        ("observed_high", "<u2"),  # and in its upper 4 bits the rank of the source that saw it
    ]
)
MAX_REFERENCE: Final = 2**32 - 1
MAX_RANK: Final = 15
_RANK_SHIFT: Final = 12
_OBSERVED_MASK: Final = 2**_RANK_SHIFT - 1
_VERSION_BITS: Final = 56
_VERSION_MASK: Final = np.uint64(2**_VERSION_BITS - 1)
_FORMAT_BITS: Final = np.uint64(FORMAT << _VERSION_BITS)
_READABLE: Final = {ABSENT, bytes([FORMAT])}
_DAYS_KEPT_AFTER_DEPARTURE: Final = 2  # the departure date may last that long somewhere

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
    sizes = np.array([len(value) for value in present], dtype=np.int64)
    headers = [value[:HEADER_BYTES] for value in present]
    count, rest = np.divmod(np.where(sizes, sizes - HEADER_BYTES, 0), ROW.itemsize)
    if rest.any() or not {header[:1] for header in headers} <= _READABLE:
        odd = [header[:1] not in _READABLE or left > 0 for header, left in zip(headers, rest, strict=True)]
        raise BoardFormatError(odd.index(True), present[odd.index(True)])
    return Boards(
        headers=headers,
        offsets=np.concatenate(([0], np.cumsum(count))),
        rows=np.frombuffer(b"".join([value[HEADER_BYTES:] for value in present]), dtype=ROW),
    )


def next_headers(headers: Sequence[bytes]) -> list[bytes]:
    """The headers of these boards after one more write."""
    present = b"".join([header or secrets.token_bytes(HEADER_BYTES) for header in headers])
    versions = (np.frombuffer(present, ">u8") + np.uint64(1)) & _VERSION_MASK
    moved = (versions | _FORMAT_BITS).astype(">u8").tobytes()
    return [moved[start : start + HEADER_BYTES] for start in range(0, len(moved), HEADER_BYTES)]


def next_values(headers: Sequence[bytes], rows: Rows, offsets: Ints, boards: Sequence[int]) -> list[bytes]:
    """The values of these boards, given by position, after one more write: of rows and offsets as in `Boards`."""
    content = rows.tobytes()
    ends = (offsets * ROW.itemsize).tolist()
    moved = next_headers([headers[board] for board in boards])
    return [header + content[ends[board] : ends[board + 1]] for header, board in zip(moved, boards, strict=True)]


def prices(rows: Rows) -> Ints:
    """The 40-bit prices of rows."""
    return rows["price_low"].astype(np.int64) | rows["price_high"].astype(np.int64) << 32


def observations(rows: Rows) -> Ints:
    """The 44-bit instants of last sighting of rows, in ms since 1970."""
    return rows["observed_low"].astype(np.int64) | (rows["observed_high"].astype(np.int64) & _OBSERVED_MASK) << 32


def ranks(rows: Rows) -> Ints:
    """The ranks of the sources that saw these rows last, 0 to `MAX_RANK`."""
    return rows["observed_high"].astype(np.int64) >> _RANK_SHIFT


def put_prices(rows: Rows, where: Ints, values: Ints, references: Ints) -> None:
    """Write prices and their reference amounts into the rows at these positions."""
    rows["price_low"][where] = values & 0xFFFFFFFF
    rows["price_high"][where] = values >> 32
    rows["reference"][where] = np.minimum(references, MAX_REFERENCE)


def put_observations(rows: Rows, where: Ints, values: Ints, ranks: Ints | int = 0) -> None:
    """Write instants of sighting, by sources of these ranks, into the rows at these positions."""
    rows["observed_low"][where] = values & 0xFFFFFFFF
    rows["observed_high"][where] = values >> 32 | ranks << _RANK_SHIFT


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
    return (departure_of(board) + _DAYS_KEPT_AFTER_DEPARTURE) * 24 * 3600
