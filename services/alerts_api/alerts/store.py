"""Making, reading, pausing and removing alerts; each lies in the shard that holds its route."""

import asyncio
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, insert

from services.alerts_api.alerts.ids import new_alert_id
from services.alerts_api.alerts.planning import last_ended, plan
from services.alerts_api.alerts.resources import AlertRequest
from services.alerts_api.alerts.stored import COLUMNS, StoredAlert, find, newest
from services.alerts_api.alerts.writes import ContendedError, armed, checked_later, one, persistent, rewrite
from shared.errors import FarelarkError
from shared.schema.shards import alerts
from shared.shard_map import bucket_of
from shared.shards import Shards


class AlertOverError(FarelarkError):
    """The alert has ended, by firing or because its departure window is over."""


class AlertsStore:
    """Reads and writes alerts.

    Its methods raise `UnavailableError` when a shard that they need is away, `MapMovedError` or `ContendedError`
    when they came to nothing again and again, and those that name an alert `UnknownAlertError`.
    """

    def __init__(self, shards: Shards) -> None:
        self._shards = shards

    @persistent
    async def add(self, user_id: UUID, request: AlertRequest, now: datetime) -> StoredAlert:
        """Add an alert; from its commit on the alert workers see it.

        Raises:
            InvalidFieldError: the wish makes no sense.
        """
        planned = plan(request, now)
        bucket = bucket_of(planned.filters.route)
        shard = (await self._shards.current_map()).shards[bucket]
        async with self._shards.transaction(shard, [bucket]) as transaction:
            identity = {"id": new_alert_id(bucket), "user_id": user_id}
            row = identity | armed(planned, transaction.rates) | checked_later()
            return await one(transaction, shard, insert(alerts).values(row).returning(*COLUMNS))

    async def find(self, user_id: UUID, alert_id: UUID) -> StoredAlert:
        """One of the user's alerts."""
        return await find(self._shards, user_id, alert_id)

    async def page(self, user_id: UUID, count: int, offset: int) -> tuple[int, list[StoredAlert]]:
        """How many alerts the user has, and `count` of them after the first `offset`, newest first."""
        total, found = await newest(self._shards, user_id, offset + count)
        return total, found[offset:]

    @persistent
    async def pause(self, user_id: UUID, alert_id: UUID) -> StoredAlert:
        """Let an alert rest.

        Raises:
            AlertOverError: it is no longer active.
        """
        old = await self.find(user_id, alert_id)
        match old.row["state"]:
            case "paused":
                return old
            case "active":
                return await self._set_state(old, "paused", {})
        raise AlertOverError("the alert is over, there is nothing to pause")

    @persistent
    async def resume(self, user_id: UUID, alert_id: UUID, now: datetime) -> StoredAlert:
        """Wake an alert that rests or has fired, at the armed price that it has.

        Raises:
            AlertOverError: its departure window is over.
        """
        old = await self.find(user_id, alert_id)
        if old.row["state"] == "expired" or old.filters.departure_to <= last_ended(now):
            raise AlertOverError("the alert's departure window is over; give it another one")
        if old.row["state"] == "active":
            return old
        return await self._set_state(old, "active", checked_later())

    @persistent
    async def remove(self, user_id: UUID, alert_id: UUID) -> None:
        """Delete an alert."""
        old = await self.find(user_id, alert_id)
        async with self._shards.transaction(old.shard, [bucket_of(old.route)]) as transaction:
            gone = delete(alerts).where(alerts.c.id == old.id).returning(alerts.c.id)
            if await transaction.connection.scalar(gone) is None:
                raise ContendedError(f"alert {old.id} was moved or removed meanwhile")

    async def check(self) -> None:
        """Make sure that every shard answers."""
        await asyncio.gather(*(self._check(shard) for shard in self._shards.numbers))

    async def _check(self, shard: int) -> None:
        async with self._shards.transaction(shard, []):
            pass

    async def _set_state(self, old: StoredAlert, state: str, changes: dict[str, Any]) -> StoredAlert:
        async with self._shards.transaction(old.shard, [bucket_of(old.route)]) as transaction:
            return await one(transaction, old.shard, rewrite(old, {"state": state} | changes))
