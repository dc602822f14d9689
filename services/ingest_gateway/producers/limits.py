"""How many fares a producer may send, over all gateways together.

A gateway takes a second's worth of a producer's allowance at a time and spends it on what comes, so that few requests
wait for Redis. While Redis is away each gateway counts alone.
"""

import asyncio
import math
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

import structlog

from services.ingest_gateway.producers.minute import WINDOW_S, Grant, SlidingMinute
from services.ingest_gateway.producers.producer import Producer
from shared.errors import FarelarkError, UnavailableError

_PAUSE_S: Final = 1.0  # in which Redis is not asked again when it was away

log = structlog.get_logger()


class LimitReachedError(FarelarkError):
    """A producer sends more than it may.

    Args:
        retry_after_s: when the same may be sent again, and is let through if nothing else comes before it.
        limit: fares a minute.
    """

    def __init__(self, retry_after_s: int, limit: int) -> None:
        super().__init__(f"this key may send {limit:,} fares a minute; send these in {retry_after_s} s")
        self.retry_after_s = retry_after_s
        self.limit = limit


class RequestOverLimitError(FarelarkError):
    """A single request holds more fares than its producer may send in a minute: it never gets through."""

    def __init__(self, fares: int, limit: int) -> None:
        super().__init__(f"this key may send {limit:,} fares a minute and these are {fares:,}: send them in parts")


class Allowances(Protocol):
    """What all gateways count together."""

    async def grant(self, key_id: str, limit: int, least: int, most: int) -> Grant:
        """Grant up to `most` fares, or none if there are fewer than `least`.

        Raises:
            UnavailableError: nobody can say how many there are.
        """

    async def close(self) -> None:
        """Close all connections."""


@dataclass(slots=True)
class _Purse:
    """What one gateway has of one producer's allowance: less than a second's worth, beside what is being spent."""

    fares: int = 0
    filling: asyncio.Lock = field(default_factory=asyncio.Lock)
    refused: int = 0  # so many are not asked for again until
    refused_until: float = -math.inf
    alone: SlidingMinute = field(default_factory=SlidingMinute)

    def spend(self, fares: int) -> bool:
        if fares > self.fares:
            return False
        self.fares -= fares
        return True


class FareLimits:
    """Counts fares, and refuses those over a producer's limit.

    Args:
        together: the allowances that all gateways share.
        clock: seconds that never go back.
    """

    def __init__(self, together: Allowances, clock: Callable[[], float] = time.monotonic) -> None:
        self._together = together
        self._clock = clock
        self._purses: defaultdict[str, _Purse] = defaultdict(_Purse)
        self._ask_again_at = -math.inf

    async def allow(self, producer: Producer, fares: int) -> None:
        """Count these fares.

        Raises:
            LimitReachedError: they are too many just now.
            RequestOverLimitError: they are too many for any minute.
        """
        if fares > producer.fares_per_minute:
            raise RequestOverLimitError(fares, producer.fares_per_minute)
        purse = self._purses[producer.key_id]
        if purse.spend(fares):
            return
        async with purse.filling:
            if not purse.spend(fares):  # another request may have filled it
                granted = await self._granted(producer, purse, fares)
                purse.fares += granted - fares

    async def close(self) -> None:
        """Close the connections to what is shared."""
        await self._together.close()

    async def _granted(self, producer: Producer, purse: _Purse, fares: int) -> int:
        """As many fares at least, or else a refusal; one that is known does without another question."""
        now, limit = self._clock(), producer.fares_per_minute
        if fares == purse.refused and now < purse.refused_until:
            raise LimitReachedError(math.ceil(purse.refused_until - now), limit)
        grant = await self._ask(producer, purse, least=fares, most=limit // WINDOW_S)
        if not grant.fares:
            purse.refused, purse.refused_until = fares, now + grant.wait_s
            raise LimitReachedError(grant.wait_s, limit)
        return grant.fares

    async def _ask(self, producer: Producer, purse: _Purse, least: int, most: int) -> Grant:
        limit = producer.fares_per_minute
        if self._clock() >= self._ask_again_at:
            try:
                return await self._together.grant(producer.key_id, limit, least, most)
            except UnavailableError as error:
                self._ask_again_at = self._clock() + _PAUSE_S
                log.warning("fare_limits_count_alone", error=str(error))
        return purse.alone.grant(limit, least, most, int(self._clock()))
