"""Gathers all that is a traveller's, from accounts and from every shard: all of it, or an error."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec
from sqlalchemy import Select, case, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.alerts_api.accounts.export_resources import (
    Export,
    ExportedAccount,
    ExportedDevice,
    ExportedIdentity,
    ExportedNotification,
    ExportedSession,
)
from services.alerts_api.accounts.own_alerts import own_alerts
from services.alerts_api.accounts.user_lock import AccountGoneError
from services.alerts_api.alerts.store import AlertsStore
from services.alerts_api.notifications.rows import notification_of
from services.alerts_api.notifications.store import Filters, NotificationsStore, Position
from services.alerts_api.preferences.store import PreferencesStore
from shared.databases import reaching
from shared.schema.accounts import alert_slots, devices, identities, sessions, users

KindT = TypeVar("KindT", bound=msgspec.Struct)

_AT_ONCE: Final = 500
_ADDRESSED_BY: Final = case((devices.c.fid.is_(None), "token"), else_="fid").label("addressed_by")


class Exports:
    """Makes copies of all that is a traveller's.

    Args:
        engine: of the accounts database.
        preferences: where the preferences are.
        notifications: where the notifications are.
        alerts: where the alerts are.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        preferences: PreferencesStore,
        notifications: NotificationsStore,
        alerts: AlertsStore,
    ) -> None:
        self._engine = engine
        self._preferences = preferences
        self._notifications = notifications
        self._alerts = alerts

    async def export(self, user_id: UUID, now: datetime) -> Export:
        """Gather all that is a user's.

        Raises:
            AccountGoneError: there is no such user any more.
            UnavailableError: a database is away.
            ContendedError: a bucket with some of the alerts is being moved between two shards.
        """
        account, entered, opened, slots = await self._in_accounts(user_id)
        return Export(
            exported_at=now,
            account=account,
            preferences=await self._preferences.find(user_id),
            devices=entered,
            sessions=opened,
            alerts=await own_alerts(self._alerts, user_id, slots),
            notifications=await self._in_notifications(user_id),
        )

    @reaching("accounts")
    async def _in_accounts(
        self, user_id: UUID
    ) -> tuple[ExportedAccount, list[ExportedDevice], list[ExportedSession], list[UUID]]:
        async with self._engine.connect() as connection:
            user = select(users).where(users.c.id == user_id, users.c.deleting_at.is_(None))
            row = (await connection.execute(user)).one_or_none()
            if row is None:
                raise AccountGoneError("the account no longer exists")
            identities_ = await _own(connection, select(identities), user_id, ExportedIdentity)
            return (
                ExportedAccount(id=row.id, email=row.email, created_at=row.created_at, identities=identities_),
                await _own(connection, select(devices, _ADDRESSED_BY), user_id, ExportedDevice),
                await _own(connection, select(sessions), user_id, ExportedSession),
                [*await connection.scalars(select(alert_slots.c.alert_id).where(alert_slots.c.user_id == user_id))],
            )

    async def _in_notifications(self, user_id: UUID) -> list[ExportedNotification]:
        rows = page = await self._notifications.page(user_id, Filters(), None, _AT_ONCE)
        while len(page) == _AT_ONCE:
            after = Position(page[-1]["recorded_at"], page[-1]["id"])
            page = await self._notifications.page(user_id, Filters(), after, _AT_ONCE)
            rows = rows + page
        return [_notification(row) for row in rows]


async def _own(connection: AsyncConnection, wanted: Select[Any], user_id: UUID, kind: type[KindT]) -> list[KindT]:
    rows = await connection.execute(wanted.where(wanted.selected_columns.user_id == user_id))
    return [msgspec.convert(row, kind, from_attributes=True) for row in rows]


def _notification(row: Mapping[str, Any]) -> ExportedNotification:
    shown = msgspec.structs.asdict(notification_of(row))
    return ExportedNotification(**shown, notice=msgspec.json.decode(row["content"]))
