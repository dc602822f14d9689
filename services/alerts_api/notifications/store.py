"""Notifications in the accounts database, as their travellers see them and report of them.

The notifier holds the rows of what it is sending until it has written down what became of it. A write here passes
such rows over rather than wait for them with a connection in hand, comes back to them a few times, and then says so.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Text, cast, exists, select, text, tuple_, update
from sqlalchemy.ext.asyncio import AsyncEngine

from services.alerts_api.notifications.receipts import Reported
from services.alerts_api.notifications.resources import State
from services.alerts_api.notifications.rows import Row
from shared.databases import reaching
from shared.errors import FarelarkError
from shared.schema.accounts import notifications

# What was kept back stays so, and why, though its traveller may open it in the app's list. In all other states a push
# may have gone out, also in `queued` and `failed`: its notifier may have died before it could write that down.
# A digest is delivered and opened with the notification that leads it, and so is all that was told in it; what of it
# the traveller has read is another matter.
_REPORT = text("""
    WITH reported AS (
        SELECT * FROM unnest(
            CAST(:ids AS uuid[]), CAST(:delivered AS timestamptz[]),
            CAST(:opened AS timestamptz[]), CAST(:read AS timestamptz[])
        ) AS reported (id, delivered_at, opened_at, read_at)
    ), free AS (
        SELECT fired_on, id, told_with FROM notifications
        WHERE user_id = :user AND (id = ANY(CAST(:ids AS uuid[])) OR told_with = ANY(CAST(:ids AS uuid[])))
        FOR NO KEY UPDATE SKIP LOCKED
    ), news AS (
        SELECT fired_on, free.id, min(delivered_at) AS delivered_at, min(opened_at) AS opened_at,
            min(read_at) FILTER (WHERE reported.id = free.id) AS read_at
        FROM free JOIN reported ON reported.id IN (free.id, free.told_with)
        GROUP BY fired_on, free.id
    )
    UPDATE notifications
    SET state = CASE
            WHEN notifications.state IN ('held', 'suppressed', 'dropped', 'opened') THEN notifications.state
            WHEN news.opened_at IS NOT NULL THEN 'opened'
            WHEN news.delivered_at IS NOT NULL THEN 'delivered'
            ELSE notifications.state
        END,
        reason = CASE
            WHEN notifications.state IN ('held', 'suppressed', 'dropped') OR news.delivered_at IS NULL
            THEN notifications.reason
        END,
        delivered_at = least(notifications.delivered_at, news.delivered_at),
        opened_at = least(notifications.opened_at, news.opened_at),
        read_at = least(notifications.read_at, news.read_at)
    FROM news
    WHERE notifications.fired_on = news.fired_on AND notifications.id = news.id
    RETURNING notifications.id
""")

_COLUMNS: Final = (
    *(column for column in notifications.c if column.name != "content"),
    cast(notifications.c.content, Text).label("content"),
)
_KEY: Final = (notifications.c.fired_on, notifications.c.id)


class InHandError(FarelarkError):
    """The notifier is still sending a notification that was to be written."""


# After each try: longer in all than a batch of pushes takes when all is well. It happens too often to be logged, as
# stamina would.
_PAUSES_S: Final = (0.1, 0.2, 0.4, 0.8, 0)


class Position(msgspec.Struct, frozen=True, array_like=True):
    """The last notification of a page."""

    recorded_at: datetime
    id: UUID


class Filters(NamedTuple):
    """Which notifications are wanted; None is no matter which."""

    state: State | None = None
    alert_id: UUID | None = None
    unread: bool | None = None


class NotificationsStore:
    """Reads notifications and notes what became of them.

    Its methods raise `UnavailableError` when the database is away, and those that write `InHandError` when the
    notifier did not let go of a notification in time; all the others are written then.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @reaching("accounts")
    async def page(self, user_id: UUID, wanted: Filters, after: Position | None, count: int) -> list[Row]:
        """The user's next notifications after a position, or the first, newest first."""
        place = (notifications.c.recorded_at, notifications.c.id)
        page = select(*_COLUMNS).where(*_conditions(user_id, wanted)).order_by(*(column.desc() for column in place))
        if after:
            page = page.where(tuple_(*place) < tuple_(after.recorded_at, after.id))
        async with self._engine.connect() as connection:
            return [dict(row) for row in (await connection.execute(page.limit(count))).mappings()]

    @reaching("accounts")
    async def find(self, user_id: UUID, notification_id: UUID) -> Row | None:
        """One of the user's notifications; in two rows, as a firing at midnight may be, it is the later."""
        own = select(*_COLUMNS).where(notifications.c.user_id == user_id, notifications.c.id == notification_id)
        async with self._engine.connect() as connection:
            row = (await connection.execute(own.order_by(notifications.c.recorded_at.desc()))).mappings().first()
        return dict(row) if row else None

    async def report(self, user_id: UUID, reported: Mapping[UUID, Reported]) -> frozenset[UUID]:
        """Note what happened on the user's devices; gives which of the notifications are the user's.

        What was told in a digest comes with the notification that leads it. What was noted before stays if it happened
        earlier, and a state never goes back.
        """
        for pause in _PAUSES_S:
            own, written = await self._report(user_id, reported)
            if own <= written:
                return own
            await asyncio.sleep(pause)
        raise InHandError("one of these notifications is still being sent")

    async def read_all(self, user_id: UUID, until: datetime, now: datetime) -> None:
        """Note that the user has read what was recorded until then."""
        for pause in _PAUSES_S:
            if await self._read_all(user_id, until, now):
                return
            await asyncio.sleep(pause)
        raise InHandError("one of these notifications is still being sent")

    @reaching("accounts")
    async def _report(
        self, user_id: UUID, reported: Mapping[UUID, Reported]
    ) -> tuple[frozenset[UUID], frozenset[UUID]]:
        """Give which of the notifications, and of those told with them, are the user's, and which could be written."""
        ids = list(reported)
        own = select(notifications.c.id).where(
            notifications.c.user_id == user_id, notifications.c.id.in_(ids) | notifications.c.told_with.in_(ids)
        )
        async with self._engine.begin() as connection:
            written = frozenset(await connection.scalars(_REPORT, _columns(user_id, reported)))
            return frozenset(await connection.scalars(own)), written

    @reaching("accounts")
    async def _read_all(self, user_id: UUID, until: datetime, now: datetime) -> bool:
        """Give whether all could be written."""
        unread = (*_conditions(user_id, Filters(unread=True)), notifications.c.recorded_at <= until)
        free = select(*_KEY).where(*unread).with_for_update(key_share=True, skip_locked=True)
        async with self._engine.begin() as connection:
            await connection.execute(update(notifications).where(tuple_(*_KEY).in_(free)).values(read_at=now))
            return await connection.scalar(select(exists().where(*unread))) is False


def _conditions(user_id: UUID, wanted: Filters) -> list[ColumnElement[bool]]:
    conditions = [notifications.c.user_id == user_id]
    if wanted.state is not None:
        conditions.append(notifications.c.state == wanted.state)
    if wanted.alert_id is not None:
        conditions.append(notifications.c.alert_id == wanted.alert_id)
    if wanted.unread is not None:
        conditions.append(notifications.c.read_at.is_(None) == wanted.unread)
    return conditions


def _columns(user_id: UUID, reported: Mapping[UUID, Reported]) -> dict[str, Any]:
    return {
        "user": user_id,
        "ids": list(reported),
        "delivered": [one.delivered_at for one in reported.values()],
        "opened": [one.opened_at for one in reported.values()],
        "read": [one.read_at for one in reported.values()],
    }
