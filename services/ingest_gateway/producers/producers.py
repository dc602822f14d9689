"""Which producer a key belongs to.

Producers are few, so each gateway keeps all their keys and reads them anew every few seconds: most requests ask nobody.
Only a key that is not among them is looked for at once, since it may have just been made. Whoever guesses keys has the
database read a few times a second, however many requests they send, and waits for each answer.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hmac import compare_digest
from math import inf
from typing import Any, Final, NamedTuple

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncEngine

from services.ingest_gateway.producers.producer import Producer
from shared.databases import reaching
from shared.errors import FarelarkError, UnavailableError
from shared.fare_lanes import Lane
from shared.producer_keys import ProducerKey
from shared.schema.accounts import producer_keys

# A revoked key is refused after this, a reading and no more.
LOOK_EVERY_S: Final = 5.0
# While the accounts database is away: longer than it takes to bring it back, too short to live on a revoked key.
GOOD_FOR: Final = timedelta(hours=1)

_BETWEEN_LOOKS_S: Final = 0.2  # for keys that are not known
_PATIENCE_S: Final = 2.0  # of a request that waits for a look


class UnknownKeyError(FarelarkError):
    """There is no good key. What is wrong with it, whoever tries keys is not to learn."""

    def __init__(self) -> None:
        super().__init__(
            "send `Authorization: Bearer flk_...` with the key of a producer that is neither expired nor revoked"
        )


@dataclass(frozen=True, slots=True)
class _Stored:
    producer: Producer
    hash: bytes
    expires_at: datetime | None
    revoked: bool

    def admits(self, shown: ProducerKey, now: datetime) -> bool:
        expired = self.expires_at is not None and self.expires_at <= now
        return compare_digest(self.hash, shown.hash) and not (self.revoked or expired)


class _Look(NamedTuple):
    began: float  # by the event loop's clock
    failed: UnavailableError | None


class Producers:
    """Tells producers by their keys.

    Args:
        accounts: the database of the keys.
        clock: tells the time in UTC.
    """

    def __init__(self, accounts: AsyncEngine, clock: Callable[[], datetime]) -> None:
        self._accounts = accounts
        self._clock = clock
        self._stored: Mapping[str, _Stored] = {}
        self._good_until: datetime | None = None
        self._last_look = _Look(-inf, None)
        self._looking = asyncio.Lock()

    async def of(self, authorization: str | None) -> Producer:
        """The producer who sends this header.

        Raises:
            UnknownKeyError: none does: there is no key in it, or one that is unknown, expired or revoked.
            UnavailableError: the accounts database is away, and the key is not one that was read within the last hour.
        """
        if (shown := _shown(authorization)) is None:
            raise UnknownKeyError
        stored = self._known(shown.id)
        if stored is None:
            await self._look_for_new()
            stored = self._known(shown.id)
        if stored is None or not stored.admits(shown, self._clock()):
            raise UnknownKeyError
        return stored.producer

    async def look(self) -> None:
        """Read all keys; for a schedule.

        Raises:
            UnavailableError: the accounts database is away; what was read before stays good for an hour.
        """
        async with self._looking:
            await self._look()

    def _known(self, key_id: str) -> _Stored | None:
        still_good = self._good_until is not None and self._clock() < self._good_until
        return self._stored.get(key_id) if still_good else None

    async def _look_for_new(self) -> None:
        """Return after a look that began after this call; all who wait for one share it."""
        asked_at = _loop_time()
        async with self._looking:
            if self._last_look.began <= asked_at:
                await asyncio.sleep(self._last_look.began + _BETWEEN_LOOKS_S - _loop_time())
                await self._look()
            elif self._last_look.failed:
                raise UnavailableError("accounts") from self._last_look.failed

    async def _look(self) -> None:
        began, now = _loop_time(), self._clock()
        try:
            self._stored = await _read(self._accounts)
        except UnavailableError as error:
            self._last_look = _Look(began, error)
            raise
        self._last_look = _Look(began, None)
        self._good_until = now + GOOD_FOR


def _shown(authorization: str | None) -> ProducerKey | None:
    scheme, _, key = (authorization or "").partition(" ")
    return ProducerKey.read(key) if scheme.lower() == "bearer" else None


def _loop_time() -> float:
    return asyncio.get_running_loop().time()


@reaching("accounts")
async def _read(accounts: AsyncEngine) -> dict[str, _Stored]:
    async with asyncio.timeout(_PATIENCE_S), accounts.connect() as connection:
        return {row.id: _stored(row) for row in await connection.execute(select(producer_keys))}


def _stored(row: Row[Any]) -> _Stored:
    lanes = frozenset(map(Lane, row.lanes))
    producer = Producer(row.id, row.producer, row.source, lanes, row.fares_per_minute)
    return _Stored(producer, row.hash, row.expires_at, revoked=row.revoked_at is not None)
