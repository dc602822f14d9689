"""Stops and starts the pushes of a whole fleet: a row of the accounts database, which every notifier follows."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import asyncpg

from fleet.databases import connected_to_accounts

_IN_FORCE: Final = "SELECT stopped_at, stopped_by, reason FROM push_stops WHERE started_at IS NULL"
_STOP: Final = """
    INSERT INTO push_stops (stopped_by, reason) VALUES ($1, $2) ON CONFLICT DO NOTHING
    RETURNING stopped_at, stopped_by, reason
"""
_START: Final = """
    UPDATE push_stops SET started_at = now(), started_by = $1 WHERE started_at IS NULL
    RETURNING stopped_at, stopped_by, reason
"""


@dataclass(frozen=True, slots=True)
class PushStop:
    """When pushes were stopped, by whom and why."""

    since: datetime
    by: str
    reason: str


async def stop_in_force(accounts_url: str) -> PushStop | None:
    """The stop that holds now, None while pushes go out.

    Raises:
        UnavailableError: the accounts database is away.
    """
    async with connected_to_accounts(accounts_url) as connection:
        return _stop(await connection.fetchrow(_IN_FORCE))


async def stop_pushes(accounts_url: str, by: str, reason: str) -> tuple[PushStop, bool]:
    """Stop pushes; gives the stop that holds now, and whether it is this one: an earlier one stays as it is.

    Raises:
        UnavailableError: the accounts database is away.
    """
    async with connected_to_accounts(accounts_url) as connection:
        while True:  # an earlier one may end between the two statements
            if stop := _stop(await connection.fetchrow(_STOP, by, reason)):
                return stop, True
            if stop := _stop(await connection.fetchrow(_IN_FORCE)):
                return stop, False


async def start_pushes(accounts_url: str, by: str) -> PushStop | None:
    """Let pushes go out again; gives the stop that this has ended, None if there was none.

    Raises:
        UnavailableError: the accounts database is away.
    """
    async with connected_to_accounts(accounts_url) as connection:
        return _stop(await connection.fetchrow(_START, by))


def _stop(row: asyncpg.Record | None) -> PushStop | None:
    return PushStop(row["stopped_at"], row["stopped_by"], row["reason"]) if row else None
