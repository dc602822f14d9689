"""Fares put on their boards past our own price worker."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

import numpy as np
from redis.asyncio import Redis

from shared.fare_boards.layout import FORMAT, ROW, expires_at, next_headers, put_observations, put_prices, redis_key
from shared.messages.fare_key import Board, Fare, pack_board, pack_fare

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = NOW.date() + timedelta(days=33)
SEEN = NOW - timedelta(hours=1)


class Offer(NamedTuple):
    """A fare on sale."""

    price: int
    currency: str = "EUR"
    airports: str = "JFK-LHR"
    departure: date = DAY
    back: date | None = None
    flight: tuple[str | None, str | None, str | None] = ("BA", "117", "18:25")
    cabin: str = "economy"
    stops: int = 0
    seen: datetime = SEEN

    @property
    def board(self) -> int:
        origin, destination = self.airports.split("-")
        return pack_board(Board(origin, destination, self.departure, self.back))

    @property
    def fare(self) -> int:
        return pack_fare(Fare(*self.flight, self.cabin, self.stops, self.currency))


async def put_on_sale(redis_url: str, *offers: Offer) -> None:
    """Make these all the fares there are."""
    async with Redis.from_url(redis_url) as redis:
        await redis.flushall()
        for board in {offer.board for offer in offers}:
            content = value([offer for offer in offers if offer.board == board])
            await redis.set(redis_key(board), content, exat=expires_at(board))


def value(offers: Iterable[Offer]) -> bytes:
    """A board with these fares."""
    sorted_offers = sorted(offers, key=lambda offer: offer.fare)
    rows = np.zeros(len(sorted_offers), dtype=ROW)
    rows["fare"] = [offer.fare for offer in sorted_offers]
    every = np.arange(len(rows))
    put_prices(rows, every, np.array([offer.price for offer in sorted_offers]), np.ones(len(rows), dtype=np.int64))
    seen = [int(offer.seen.timestamp() * 1000) for offer in sorted_offers]
    put_observations(rows, every, np.array(seen))
    return next_headers([bytes([FORMAT]) + bytes(7)])[0] + rows.tobytes()
