"""Whether the boards or the history answer a search."""

from datetime import UTC, date, datetime

import numpy as np
import pytest

from services.alerts_api.fares.finding import FareFinder
from services.alerts_api.fares.live import LiveFares
from services.alerts_api.fares.ranking import Found
from services.alerts_api.fares.resources import Reason
from services.alerts_api.fares.search import Query, plan_search
from shared.alerts.filters import Filters
from shared.errors import MapMovedError, UnavailableError
from shared.fare_boards.layout import BoardFormatError
from shared.messages.fare_key import Board, Fare, pack_board, pack_fare

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = date(2026, 12, 24)
BOARD = pack_board(Board("JFK", "LHR", DAY, None))
BA, VS = (pack_fare(Fare(carrier, "1", None, "economy", 0, "EUR")) for carrier in ("BA", "VS"))

REDIS_AWAY = UnavailableError("redis")
SHARD_AWAY = UnavailableError("shard0")
UNREADABLE = BoardFormatError(0, b"\x63")
MOVED = MapMovedError("shard0")

Outcome = list[int] | Exception
LIVE, HISTORY = 1_000, 2_000


def finder(boards: Outcome | None, history: Outcome, minimum: int = 1) -> FareFinder:
    """Over boards with these fares by key, or a history with so many rows."""

    async def read_boards(_: Filters, __: datetime) -> LiveFares:
        if isinstance(boards, Exception):
            raise boards
        fares = np.array(boards, dtype=np.uint64)
        prices = np.full(len(fares), LIVE)
        return LiveFares(np.full(len(fares), BOARD, dtype=np.uint64), fares, prices, prices)

    async def read_history(_: Filters) -> Found:
        if isinstance(history, Exception):
            raise history
        column = np.full(len(history), HISTORY)
        return Found(column, column, column, column, column, lambda at: {"at": at})

    return FareFinder(None if boards is None else read_boards, minimum, read_history)


async def find(finder: FareFinder) -> tuple[list[int], Reason | None]:
    search = plan_search(Query(origin="NYC", destination="LON", day=DAY, carrier="BA"), NOW)
    findings = await finder.find(search, NOW)
    return findings.fares.price.tolist(), findings.reason


@pytest.mark.parametrize(
    ("boards", "history", "expected"),
    [
        ([BA], [1], ([LIVE], None)),
        ([], [1], ([HISTORY], "too_few_live_fares")),
        ([], [], ([], None)),
        ([], SHARD_AWAY, ([], None)),
        ([], MOVED, ([], None)),
        # The carrier asked for has no fare, but the dates are known.
        ([VS], [1], ([], None)),
        (REDIS_AWAY, [1], ([HISTORY], "live_fares_unavailable")),
        (REDIS_AWAY, [], ([], "live_fares_unavailable")),
        (UNREADABLE, [1], ([HISTORY], "live_fares_unavailable")),
        (None, [1], ([HISTORY], "live_fares_disabled")),
    ],
)
async def test_who_answers(boards: Outcome | None, history: Outcome, expected: tuple[list[int], Reason | None]) -> None:
    assert await find(finder(boards, history)) == expected


@pytest.mark.parametrize(("minimum", "expected"), [(0, None), (2, None), (3, "too_few_live_fares")])
async def test_the_boards_answer_from_the_minimum_on(minimum: int, expected: Reason | None) -> None:
    """Counted before carrier and stops narrow the search, which the history could not do."""
    _, reason = await find(finder([BA, VS], [1], minimum))
    assert reason == expected


async def test_fares_too_few_are_better_than_none() -> None:
    assert await find(finder([BA], [], minimum=5)) == ([LIVE], None)
    assert await find(finder([BA], SHARD_AWAY, minimum=5)) == ([LIVE], None)


@pytest.mark.parametrize("boards", [REDIS_AWAY, None])
async def test_with_both_away_there_is_no_answer(boards: Outcome | None) -> None:
    with pytest.raises(UnavailableError, match="shard0"):
        await find(finder(boards, SHARD_AWAY))
