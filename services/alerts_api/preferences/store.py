"""Preferences in the accounts database."""

from collections.abc import Callable
from datetime import datetime, time
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.alerts_api.accounts.user_lock import lock_user
from services.alerts_api.preferences.resources import Preferences, QuietHours
from shared.databases import reaching
from shared.schema.accounts import preferences


class PreferencesStore:
    """Reads and writes preferences; every method raises `UnavailableError` when the database is away."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @reaching("accounts")
    async def find(self, user_id: UUID) -> Preferences:
        """The user's preferences, or the defaults."""
        async with self._engine.connect() as connection:
            return await _read(connection, user_id)

    @reaching("accounts")
    async def change(self, user_id: UUID, change: Callable[[Preferences], Preferences], now: datetime) -> Preferences:
        """Write what `change` makes of the preferences; nobody else writes them meanwhile, and if it raises nobody has.

        Raises:
            AccountGoneError: there is no such user any more.
        """
        async with self._engine.begin() as connection:
            await lock_user(connection, user_id)
            changed = change(await _read(connection, user_id))
            columns = _columns(changed) | {"updated_at": now}
            statement = insert(preferences).values(user_id=user_id, **columns)
            await connection.execute(
                statement.on_conflict_do_update(index_elements=[preferences.c.user_id], set_=columns)
            )
        return changed


async def _read(connection: AsyncConnection, user_id: UUID) -> Preferences:
    wanted = select(preferences).where(preferences.c.user_id == user_id)
    row = (await connection.execute(wanted)).one_or_none()
    return _preferences(row) if row else Preferences()


def _preferences(row: Row[Any]) -> Preferences:
    return Preferences(
        quiet_hours=QuietHours(_written(row.quiet_from), _written(row.quiet_to)) if row.quiet_from else None,
        pass_when_exceptional=row.pass_when_exceptional,
        time_zone=row.time_zone,
        digest_at=_written(row.digest_at) if row.digest_at else None,
        most_per_hour=row.most_per_hour,
        most_per_day=row.most_per_day,
        currency=row.currency,
        locale=row.locale,
    )


def _columns(changed: Preferences) -> dict[str, Any]:
    quiet = changed.quiet_hours
    return {
        "quiet_from": time.fromisoformat(quiet.from_) if quiet else None,
        "quiet_to": time.fromisoformat(quiet.to) if quiet else None,
        "pass_when_exceptional": changed.pass_when_exceptional,
        "time_zone": changed.time_zone,
        "digest_at": time.fromisoformat(changed.digest_at) if changed.digest_at else None,
        "most_per_hour": changed.most_per_hour,
        "most_per_day": changed.most_per_day,
        "currency": changed.currency,
        "locale": changed.locale,
    }


def _written(at: time) -> str:
    return at.isoformat("minutes")
