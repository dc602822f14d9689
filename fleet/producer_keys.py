"""Makes, lists and revokes the keys by which producers send fares: rows of the accounts database.

Gateways follow them within ten seconds; a new key is good at once.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

import asyncpg

from fleet.databases import connected_to_accounts
from shared.errors import ConfigurationError
from shared.fare_lanes import Lane
from shared.producer_keys import ProducerKey

_COLUMNS: Final = "id, producer, source, lanes, fares_per_minute, created_at, expires_at, revoked_at"
_MAKE: Final = f"""
    INSERT INTO producer_keys (id, hash, producer, source, lanes, fares_per_minute, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING {_COLUMNS}
"""  # noqa: S608  # columns of ours
_LIST: Final = f"SELECT {_COLUMNS} FROM producer_keys ORDER BY created_at, id"  # noqa: S608  # columns of ours
_FIND: Final = f"SELECT {_COLUMNS} FROM producer_keys WHERE id = $1"  # noqa: S608  # columns of ours
_REVOKE: Final = "UPDATE producer_keys SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL"


class State(StrEnum):
    """Whether a key lets its producer in."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Rights:
    """What a key lets its producer do."""

    producer: str
    source: str
    lanes: Sequence[Lane]
    fares_per_minute: int
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class KeptKey:
    """What is known of a key once it has been given away: never its secret."""

    id: str
    rights: Rights
    created_at: datetime
    revoked_at: datetime | None

    def state(self, now: datetime) -> State:
        """Whether it lets its producer in."""
        if self.revoked_at:
            return State.REVOKED
        expires_at = self.rights.expires_at
        return State.EXPIRED if expires_at and expires_at <= now else State.ACTIVE


class UnknownKeyIdError(ConfigurationError):
    """There is no key of this id."""

    def __init__(self, key_id: str) -> None:
        # A whole key, pasted by mistake, is not repeated here.
        super().__init__(
            f"there is no key {key_id}: see `./farelark keys producers list`"
            if key_id.isalnum()
            else "a key's id has twelve letters and digits: see `./farelark keys producers list`"
        )


async def make_key(accounts_url: str, rights: Rights) -> tuple[ProducerKey, KeptKey]:
    """Make a key; nobody can ever be told its secret again.

    Raises:
        UnavailableError: the accounts database is away.
    """
    key = ProducerKey.make()
    facts = (rights.producer, rights.source, list(rights.lanes), rights.fares_per_minute, rights.expires_at)
    async with connected_to_accounts(accounts_url) as connection:
        row = await connection.fetchrow(_MAKE, key.id, key.hash, *facts)
    assert row is not None
    return key, _kept(row)


async def list_keys(accounts_url: str) -> list[KeptKey]:
    """All keys, the oldest first.

    Raises:
        UnavailableError: the accounts database is away.
    """
    async with connected_to_accounts(accounts_url) as connection:
        return [_kept(row) for row in await connection.fetch(_LIST)]


async def find_key(accounts_url: str, key_id: str) -> KeptKey:
    """The key of this id.

    Raises:
        UnknownKeyIdError: there is none.
        UnavailableError: the accounts database is away.
    """
    async with connected_to_accounts(accounts_url) as connection:
        return await _find(connection, key_id)


async def revoke_key(accounts_url: str, key_id: str) -> tuple[KeptKey, bool]:
    """Revoke a key; gives it, and whether this has done it: one that was revoked before stays as it is.

    Raises:
        UnknownKeyIdError: there is none.
        UnavailableError: the accounts database is away.
    """
    async with connected_to_accounts(accounts_url) as connection:
        changed = await connection.execute(_REVOKE, key_id) == "UPDATE 1"
        return await _find(connection, key_id), changed


@asynccontextmanager
async def passing_key(accounts_url: str, rights: Rights) -> AsyncIterator[ProducerKey]:
    """A key that is revoked when the block ends.

    Raises:
        UnavailableError: the accounts database is away.
    """
    key, kept = await make_key(accounts_url, rights)
    try:
        yield key
    finally:
        await revoke_key(accounts_url, kept.id)


async def _find(connection: asyncpg.Connection, key_id: str) -> KeptKey:
    if row := await connection.fetchrow(_FIND, key_id):
        return _kept(row)
    raise UnknownKeyIdError(key_id)


def _kept(row: asyncpg.Record) -> KeptKey:
    lanes = [Lane(lane) for lane in row["lanes"]]
    rights = Rights(row["producer"], row["source"], lanes, row["fares_per_minute"], row["expires_at"])
    return KeptKey(row["id"], rights, row["created_at"], row["revoked_at"])
