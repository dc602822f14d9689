"""Boards by the thousand, of routes in all slots and of one route in a single one."""

from collections.abc import Sequence

from shared.fare_boards.layout import ABSENT, ROW, next_headers
from shared.fare_boards.store import Write

MIDNIGHT_OF_THE_YEAR_2100 = 4_102_444_800
ROUTES = [f"{chr(65 + i // 26)}{chr(65 + i % 26)}A-LHR" for i in range(300)]
DATES = [f"2026-12-{day:02}" for day in range(1, 11)]
KEYS = [f"fares:{route}:{date}" for route in ROUTES for date in DATES]
ROUTE = "JFK-LHR"
OF_THE_ROUTE = [f"fares:{ROUTE}:{date}" for date in DATES]


def write(key: str, header: bytes, number: int = 0) -> Write:
    """A board of one row, whose fare is a number."""
    row = number.to_bytes(8, "little").ljust(ROW.itemsize, b"\x00")
    return Write(key, header, next_headers([header])[0] + row, MIDNIGHT_OF_THE_YEAR_2100)


def new(keys: Sequence[str]) -> list[Write]:
    """Boards that do not exist yet, the fares numbered."""
    return [write(key, ABSENT, number) for number, key in enumerate(keys)]
