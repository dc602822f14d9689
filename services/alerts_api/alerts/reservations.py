"""What is written in accounts before an alert is made: the slot that it takes, and the key it was asked for under.

One traveller's are written one after the other, whatever process asks, and their age is told by the clock of
their database. A slot without an alert is what a crash between the two leaves behind.
"""

from collections.abc import Collection
from datetime import timedelta
from typing import Final, NamedTuple
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.alerts_api.accounts.user_lock import lock_user
from services.alerts_api.alerts.idempotency import RepeatableRequest, find_earlier, keep_reply, note
from shared.databases import reaching
from shared.errors import FarelarkError, UnavailableError
from shared.schema.accounts import alert_slots

# Longer than it takes to make an alert once it has its slot.
_SETTLED_AFTER: Final = timedelta(minutes=1)

_slots: Final = alert_slots.c
_is_settled: Final = _slots.taken_at <= func.now() - _SETTLED_AFTER

log = structlog.get_logger()


class QuotaReachedError(FarelarkError):
    """The traveller has as many alerts as anyone may have."""


class Reservation(NamedTuple):
    """An alert that may be made.

    Attributes:
        alert_id: its id.
        is_new: nobody has begun to make it.
        reply: what was answered when it had been made, to the same request before.
    """

    alert_id: UUID
    is_new: bool
    reply: bytes | None


class Reservations:
    """Reserves alerts; every method but `free` raises `UnavailableError` when the database is away.

    Args:
        engine: of accounts.
        alerts_per_user: the quota.
    """

    def __init__(self, engine: AsyncEngine, alerts_per_user: int) -> None:
        self._engine = engine
        self._alerts_per_user = alerts_per_user

    @reaching("accounts")
    async def earlier_reply(self, request: RepeatableRequest) -> bytes | None:
        """What this request was answered when it came before.

        Raises:
            KeyReusedError: its key came with another one.
        """
        async with self._engine.connect() as connection:
            earlier = await find_earlier(connection, request)
        return earlier and earlier.reply

    @reaching("accounts")
    async def reserve(self, user_id: UUID, alert_id: UUID, request: RepeatableRequest | None) -> Reservation:
        """Reserve an alert of this id, or find what the same request has reserved before.

        Raises:
            QuotaReachedError: every slot is taken.
            KeyReusedError: the request's key came with another one.
            AccountGoneError: there is no such user any more.
        """
        async with self._engine.begin() as connection:
            await lock_user(connection, user_id)
            if request and (earlier := await find_earlier(connection, request)):
                reservation = Reservation(earlier.alert_id, is_new=False, reply=earlier.reply)
            else:
                reservation = Reservation(alert_id, is_new=True, reply=None)
            if reservation.reply is None:
                await self._take_slot(connection, user_id, reservation.alert_id)
            if request and reservation.is_new:
                await note(connection, request, alert_id)
        return reservation

    @reaching("accounts")
    async def keep_reply(self, request: RepeatableRequest, reply: bytes) -> bytes:
        """Keep this reply for when the request comes again; whoever is first decides what all are answered."""
        async with self._engine.begin() as connection:
            return await keep_reply(connection, request, reply)

    async def free(self, alert_id: UUID) -> None:
        """Give back the slot of an alert that is gone; where that fails, it is found when the traveller needs it."""
        try:
            await self._delete(_slots.alert_id == alert_id)
        except UnavailableError as error:
            log.warning("slot_not_freed", alert_id=str(alert_id), error=str(error), consequence="freed at the quota")

    @reaching("accounts")
    async def settled(self, user_id: UUID) -> set[UUID]:
        """The alerts with slots taken so long ago that they have been made, if they ever will be."""
        async with self._engine.connect() as connection:
            wanted = select(_slots.alert_id).where(_slots.user_id == user_id, _is_settled)
            return set(await connection.scalars(wanted))

    async def drop(self, alert_ids: Collection[UUID]) -> None:
        """Give back the slots of alerts that were never made, unless a repeated request is about to make them."""
        await self._delete(_slots.alert_id.in_(alert_ids), _is_settled)

    async def _take_slot(self, connection: AsyncConnection, user_id: UUID, alert_id: UUID) -> None:
        others = select(func.count()).where(_slots.user_id == user_id, _slots.alert_id != alert_id)
        if (await connection.execute(others)).scalar_one() >= self._alerts_per_user:
            raise QuotaReachedError(f"there are {self._alerts_per_user} alerts, as many as can be: delete one first")
        facts = {"alert_id": alert_id, "user_id": user_id, "taken_at": func.now()}
        statement = insert(alert_slots).values(facts)
        await connection.execute(statement.on_conflict_do_update(index_elements=[_slots.alert_id], set_=facts))

    @reaching("accounts")
    async def _delete(self, *which: ColumnElement[bool]) -> None:
        async with self._engine.begin() as connection:
            await connection.execute(delete(alert_slots).where(*which))
