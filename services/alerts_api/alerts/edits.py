"""Making another wish of an alert: in place, or on its way to the shard that holds its new route."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from uuid import UUID

from services.alerts_api.alerts.planning import Plan, plan
from services.alerts_api.alerts.resources import AlertRequest
from services.alerts_api.alerts.stored import StoredAlert, find
from services.alerts_api.alerts.writes import ContendedError, Facts, armed, checked_later, one, persistent, rewrite
from shared.alerts.moves import Move, activate, enter, forget, leave, withdraw
from shared.errors import MapMovedError, UnavailableError
from shared.failpoints import Failpoints
from shared.shard_map import bucket_of
from shared.shards import Shards, ShardTransaction

_OVER = {"fired", "expired"}


class AlertEditor:
    """Edits alerts."""

    def __init__(self, shards: Shards, failpoints: Failpoints) -> None:
        self._shards = shards
        self._failpoints = failpoints

    @persistent
    async def edit(
        self,
        user_id: UUID,
        alert_id: UUID,
        change: Callable[[AlertRequest], AlertRequest],
        now: datetime,
        if_match: str | None = None,
    ) -> StoredAlert:
        """Make another wish of an alert: it begins anew, active unless it is paused.

        Args:
            user_id: whose alert it is.
            alert_id: which.
            change: from the wish as it is to the wish as it is to be.
            now: in UTC.
            if_match: as for `find`.

        Raises:
            InvalidFieldError: the wish makes no sense.
            UnknownAlertError: the user has no such alert.
            StaleError: somebody has written it since.
            UnavailableError: a shard that is needed is away. The edit may still come to pass, or not.
            MapMovedError, ContendedError: it came to nothing again and again.
        """
        old = await find(self._shards, user_id, alert_id, if_match)
        planned = plan(change(old.request), now)
        if planned.columns.items() <= old.row.items():
            return old
        shard = (await self._shards.current_map()).shard_of(planned.filters.route)
        return await (self._edit_here(old, planned) if shard == old.shard else self._move(old, planned, shard))

    async def _edit_here(self, old: StoredAlert, planned: Plan) -> StoredAlert:
        buckets = {bucket_of(old.route), bucket_of(planned.filters.route)}
        async with self._shards.transaction(old.shard, buckets) as transaction:
            changes = _edited(old, planned, transaction) | checked_later()
            return await one(transaction, old.shard, rewrite(old, changes))

    async def _move(self, old: StoredAlert, planned: Plan, target: int) -> StoredAlert:
        move = Move(old.id, old.shard, target, planned.filters.route)
        async with self._shards.transaction(target, [bucket_of(move.route)]) as transaction:
            await enter(transaction, move, old.columns | _edited(old, planned, transaction))
        self._failpoints.hit("alerts_api.edit_arrived")
        if not await self._leave(move, old):
            await withdraw(self._shards, move)
            raise ContendedError(f"alert {old.id} was written, or its bucket moved, meanwhile")
        self._failpoints.hit("alerts_api.edit_left")
        row = await activate(self._shards, move)
        with suppress(UnavailableError):  # the alert worker's sweep will
            await forget(self._shards, move)
        if row is None:  # somebody has settled the move for us
            return await find(self._shards, old.row["user_id"], old.id)
        return StoredAlert.of(target, row, transaction.rates)

    async def _leave(self, move: Move, old: StoredAlert) -> bool:
        """Take the alert away from its old shard, unless it is no longer there as it was."""
        try:
            async with self._shards.transaction(move.source, [bucket_of(old.route)]) as transaction:
                return await leave(transaction, move, old.row["version"])
        except MapMovedError:
            return False


def _edited(old: StoredAlert, planned: Plan, transaction: ShardTransaction) -> Facts:
    """What an edit changes: the alert waits anew, and what is queued of its last revision no longer counts."""
    return armed(planned, transaction.rates) | {
        "watched_board": None,
        "watched_fare": None,
        "watched_at": None,
        "revision": old.row["revision"] + 1,
        "state": "active" if old.row["state"] in _OVER else old.row["state"],
    }
