"""Producers who push fares to the gateway as they should: again and again until each push is answered."""

import asyncio
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Final, NamedTuple

import aiohttp
import pyarrow as pa

from shared.messages.batches import ARROW, encode
from shared.messages.fare_key import Board, pack_board
from shared.messages.fares import FARES

AIRPORTS: Final = ("BCN-BUD", "JFK-LHR", "LHR-JFK", "MAD-FCO", "CDG-NRT", "LIS-OSL", "VIE-ATH", "DUB-SFO")
DAYS: Final = 25
AT_ONCE: Final = 24  # requests of all producers together
_PATIENCE: Final = aiohttp.ClientTimeout(total=20)
_PAUSE_S: Final = 0.1
_COME_AGAIN: Final = {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.BAD_GATEWAY}


class Push(NamedTuple):
    """One request."""

    lane: str
    content_type: str
    body: bytes
    fares: int


class PushedFares:
    """Fares by number, each of a flight of its own at a price of its own."""

    def __init__(self) -> None:
        self._now = datetime.now(UTC).replace(microsecond=0)

    def values(self, number: int) -> dict[str, Any]:
        """One of them, by column."""
        flight, place = divmod(number, len(AIRPORTS) * DAYS)
        day, route = divmod(place, len(AIRPORTS))
        origin, destination = AIRPORTS[route].split("-")
        return {
            "origin": origin,
            "destination": destination,
            "departure_date": self._now.date() + timedelta(days=30 + day),
            "carrier": "BA",
            "flight_number": str(flight + 1),
            "cabin": "economy",
            "stops": 0,
            "currency": "EUR",
            "price": 10_000 + number,
            "observed_at": self._now,
            "source": "kills",
        }

    def board(self, number: int) -> int:
        """The key of the board that it belongs to."""
        fare = self.values(number)
        return pack_board(Board(fare["origin"], fare["destination"], fare["departure_date"], None))

    def push(self, numbers: Sequence[int], lane: str, *, arrow: bool) -> Push:
        """A request with some of them."""
        fares = [self.values(number) for number in numbers]
        if arrow:
            body = encode(FARES, pa.RecordBatch.from_pylist(fares, schema=FARES.schema))
            return Push(lane, ARROW, body, len(fares))
        documents = fares if len(fares) > 1 else fares[0]
        return Push(lane, "application/json", json.dumps(documents, default=_iso).encode(), len(fares))

    def pushes(self, numbers: Sequence[int]) -> list[Push]:
        """Requests with all of these: half of them one by one, a quarter as JSON arrays, a quarter as Arrow."""
        half, rest = numbers[: len(numbers) // 2], numbers[len(numbers) // 2 :]
        arrays, streams = rest[: len(rest) // 2], rest[len(rest) // 2 :]
        requests = [
            *([self.push([number], "live", arrow=False) for number in half]),
            *(self.push(piece, "live", arrow=False) for piece in _pieces(arrays, 50)),
            *(self.push(piece, "sweep", arrow=True) for piece in _pieces(streams, 200)),
        ]
        return requests[::3] + requests[1::3] + requests[2::3]  # all kinds at all times


class Pushing:
    """Some producers at work; counts what they were answered for."""

    def __init__(self, gateway: str, key: str) -> None:
        self._url = f"{gateway}/v1/fares"
        self._headers = {"Authorization": f"Bearer {key}"}
        self.answered = 0  # fares
        self.spooled = 0  # of these
        self.tried_again = 0  # requests

    def has_answered(self, fares: int) -> bool:
        """Whether so many have been."""
        return self.answered >= fares

    async def push(self, pushes: Iterable[Push]) -> None:
        """Push all, several at once; returns when each has been answered."""
        waiting = iter(pushes)
        async with aiohttp.ClientSession(timeout=_PATIENCE) as session, asyncio.TaskGroup() as producers:
            for _ in range(AT_ONCE):
                producers.create_task(self._push_each(session, waiting))

    async def _push_each(self, session: aiohttp.ClientSession, pushes: Iterable[Push]) -> None:
        for push in pushes:
            while not (stored := await self._stored(session, push)):
                self.tried_again += 1
                await asyncio.sleep(_PAUSE_S)
            self.answered += push.fares
            self.spooled += push.fares if stored == "spool" else 0

    async def _stored(self, session: aiohttp.ClientSession, push: Push) -> str:
        """Where the fares are by the receipt; empty if they must be pushed again."""
        headers = self._headers | {"Content-Type": push.content_type}
        try:
            answering = session.post(self._url, params={"lane": push.lane}, data=push.body, headers=headers)
            async with answering as answer:
                if answer.status in _COME_AGAIN:
                    return ""
                text = await answer.text()
                assert answer.status in {HTTPStatus.ACCEPTED, HTTPStatus.CREATED}, text
        except (aiohttp.ClientError, TimeoutError):
            return ""
        receipt = json.loads(text)
        assert receipt["accepted"] == push.fares, receipt
        return str(receipt["stored"])


def _pieces(numbers: Sequence[int], size: int) -> list[Sequence[int]]:
    return [numbers[start : start + size] for start in range(0, len(numbers), size)]


def _iso(value: Any) -> str:  # noqa: ANN401  # a date or an instant
    return str(value.isoformat())
