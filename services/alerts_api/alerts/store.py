"""Making, reading, pausing and removing alerts; each lies in the shard that holds its route."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert

from services.alerts_api.alerts.ids import new_alert_id
from services.alerts_api.alerts.listing import Listing, Page, PageEnd, read_page
from services.alerts_api.alerts.planning import Plan, last_ended, plan
from services.alerts_api.alerts.presence import absent
from services.alerts_api.alerts.resources import AlertRequest
from services.alerts_api.alerts.stored import COLUMNS, SeenAlert, StoredAlert, find, see
from services.alerts_api.alerts.writes import (
    ContendedError,
    armed,
    checked_later,
    one,
    one_or_none,
    persistent,
    rewrite,
)
from shared.alerts.moves import row_version
from shared.errors import FarelarkError
from shared.schema.shards import alerts
from shared.shard_map import bucket_of
from shared.shards import Shards, ShardTransaction


class AlertOverError(FarelarkError):
    """The alert has ended, by firing or because its departure window is over."""


class AlertsStore:
    """Reads and writes alerts.

    Its methods raise `UnavailableError` when a shard that they need is away, `MapMovedError` or `ContendedError`
    when they came to nothing again and again, and those that name an alert `UnknownAlertError`. Those that take
    `if_match`, as `find` does, raise its `StaleError` too.
    """

    def __init__(self, shards: Shards) -> None:
        self._shards = shards

    @persistent
    async def new_id(self, request: AlertRequest, now: datetime) -> UUID:
        """An id for a new alert, which its shard could take in now.

        Raises:
            InvalidFieldError: the wish makes no sense.
        """
        planned = plan(request, now)
        async with self._home_of(planned) as (_, transaction):
            armed(planned, transaction.rates)
        return new_alert_id(bucket_of(planned.filters.route))

    @persistent
    async def add(
        self, user_id: UUID, request: AlertRequest, now: datetime, alert_id: UUID | None = None
    ) -> StoredAlert:
        """Add an alert, or find the one that has this id; from its commit on the alert workers see it.

        Raises:
            InvalidFieldError: the wish makes no sense.
        """
        planned = plan(request, now)
        identity = {"id": alert_id or new_alert_id(bucket_of(planned.filters.route)), "user_id": user_id}
        async with self._home_of(planned) as (shard, transaction):
            row = identity | armed(planned, transaction.rates) | checked_later()
            statement = insert(alerts).values(row).on_conflict_do_nothing(index_elements=[alerts.c.id])
            added = await one_or_none(transaction, shard, statement.returning(*COLUMNS))
        return added or await self.find(user_id, identity["id"])

    async def find(self, user_id: UUID, alert_id: UUID) -> StoredAlert:
        """One of the user's alerts, with all that writing it needs."""
        return await find(self._shards, user_id, alert_id)

    async def see(self, user_id: UUID, alert_id: UUID) -> SeenAlert:
        """One of the user's alerts, to be shown."""
        return await see(self._shards, user_id, alert_id)

    async def page(self, user_id: UUID, listing: Listing, count: int, offset: int, after: PageEnd | None) -> Page:
        """`count` of the user's alerts, without the first `offset` of those after a position."""
        return await read_page(self._shards, user_id, listing, count, offset, after)

    async def absent(self, ids: Collection[UUID]) -> set[UUID]:
        """Those of these alerts that are nowhere, neither in use nor on their way."""
        return await absent(self._shards, ids)

    @persistent
    async def pause(self, user_id: UUID, alert_id: UUID, if_match: str | None = None) -> StoredAlert:
        """Let an alert rest.

        Raises:
            AlertOverError: it is no longer active.
        """
        old = await find(self._shards, user_id, alert_id, if_match)
        match old.row["state"]:
            case "paused":
                return old
            case "active":
                return await self._set_state(old, "paused", {})
        raise AlertOverError("the alert is over, there is nothing to pause")

    @persistent
    async def resume(self, user_id: UUID, alert_id: UUID, now: datetime, if_match: str | None = None) -> StoredAlert:
        """Wake an alert that rests or has fired, at the armed price that it has.

        Raises:
            AlertOverError: its departure window is over.
        """
        old = await find(self._shards, user_id, alert_id, if_match)
        if old.row["state"] == "expired" or old.filters.departure_to <= last_ended(now):
            raise AlertOverError("the alert's departure window is over; give it another one")
        if old.row["state"] == "active":
            return old
        return await self._set_state(old, "active", checked_later())

    @persistent
    async def remove(self, user_id: UUID, alert_id: UUID, if_match: str | None = None) -> None:
        """Delete an alert."""
        old = await find(self._shards, user_id, alert_id, if_match)
        async with self._shards.transaction(old.shard, [bucket_of(old.route)]) as transaction:
            unchanged = (alerts.c.id == old.id, row_version == old.row["version"])
            gone = delete(alerts).where(*unchanged).returning(alerts.c.id)
            if await transaction.connection.scalar(gone) is None:
                raise ContendedError(f"alert {old.id} was written, moved or removed meanwhile")

    async def check(self, shard: int) -> None:
        """Make sure that a shard answers."""
        async with self._shards.transaction(shard, []):
            pass

    @asynccontextmanager
    async def _home_of(self, planned: Plan) -> AsyncIterator[tuple[int, ShardTransaction]]:
        """The shard that holds the route, and a transaction there."""
        bucket = bucket_of(planned.filters.route)
        shard = (await self._shards.current_map()).shards[bucket]
        async with self._shards.transaction(shard, [bucket]) as transaction:
            yield shard, transaction

    async def _set_state(self, old: StoredAlert, state: str, changes: dict[str, Any]) -> StoredAlert:
        async with self._shards.transaction(old.shard, [bucket_of(old.route)]) as transaction:
            return await one(transaction, old.shard, rewrite(old, {"state": state} | changes))
