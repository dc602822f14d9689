"""Making alerts: no more than a traveller may have, and one however often the same request comes.

What is reserved in accounts comes first, then the alert under the id reserved, then the reply to keep. A crash
after any of these leaves what a repeat of the request goes on from.
"""

from contextlib import suppress
from datetime import datetime
from typing import Self
from uuid import UUID

import msgspec

from services.alerts_api.alerts.best_fares import WriteReplies
from services.alerts_api.alerts.idempotency import RepeatableRequest
from services.alerts_api.alerts.reservations import QuotaReachedError, Reservation, Reservations
from services.alerts_api.alerts.resources import AlertRequest
from services.alerts_api.alerts.store import AlertsStore
from services.alerts_api.alerts.stored import StoredAlert, UnknownAlertError
from shared.errors import UnavailableError
from shared.failpoints import Failpoints


class Creation(msgspec.Struct, frozen=True):
    """The answer to who has made an alert; `body` is JSON, kept as it was whatever a later version would say."""

    alert_id: UUID
    etag: str
    body: bytes

    @classmethod
    def read(cls, kept: bytes) -> Self:
        """The answer as it was kept."""
        return msgspec.msgpack.decode(kept, type=cls)

    @property
    def to_keep(self) -> bytes:
        """The bytes to keep."""
        return msgspec.msgpack.encode(self)


class AlertCreator:
    """Makes alerts."""

    def __init__(
        self, alerts: AlertsStore, reservations: Reservations, replies: WriteReplies, failpoints: Failpoints
    ) -> None:
        self._alerts = alerts
        self._reservations = reservations
        self._replies = replies
        self._failpoints = failpoints

    async def create(self, user_id: UUID, wish: AlertRequest, key: str | None, now: datetime) -> Creation:
        """Make an alert, or give the answer that the same request had before.

        Args:
            user_id: whose it shall be.
            wish: what it shall watch.
            key: the request's Idempotency-Key, if it has one.
            now: in UTC.

        Raises:
            InvalidFieldError: the wish makes no sense.
            QuotaReachedError: the user has as many as anyone may.
            KeyReusedError: the key came with another wish.
            AccountGoneError: there is no such user any more.
            UnavailableError: a database that is needed is away. The alert may be made, or not.
            MapMovedError: it came to nothing again and again.
        """
        request = RepeatableRequest.of(user_id, key, wish) if key else None
        if request and (earlier := await self._reservations.earlier_reply(request)):
            return Creation.read(earlier)
        reservation = await self._reserve(user_id, await self._alerts.new_id(wish, now), request)
        if reservation.reply:
            return Creation.read(reservation.reply)
        creation = await self._make(user_id, wish, reservation, now)
        if request is None:
            return creation
        return Creation.read(await self._reservations.keep_reply(request, creation.to_keep))

    async def remove(self, user_id: UUID, alert_id: UUID, if_match: str | None) -> None:
        """Delete an alert, which makes room for another."""
        await self._alerts.remove(user_id, alert_id, if_match)
        await self._reservations.free(alert_id)

    async def _reserve(self, user_id: UUID, alert_id: UUID, request: RepeatableRequest | None) -> Reservation:
        try:
            return await self._reservations.reserve(user_id, alert_id, request)
        except QuotaReachedError:
            if not await self._drop_dead_slots(user_id):
                raise
        return await self._reservations.reserve(user_id, alert_id, request)

    async def _drop_dead_slots(self, user_id: UUID) -> bool:
        """Free slots whose alert was never made; whether there were any, as far as all shards can be asked."""
        with suppress(UnavailableError):
            dead = await self._alerts.absent(await self._reservations.settled(user_id))
            await self._reservations.drop(dead)
            return bool(dead)
        return False

    async def _make(self, user_id: UUID, wish: AlertRequest, reservation: Reservation, now: datetime) -> Creation:
        self._failpoints.hit("alerts_api.create_reserved")
        stored = await self._add(user_id, wish, reservation, now)
        self._failpoints.hit("alerts_api.create_added")
        return Creation(stored.id, stored.etag, msgspec.json.encode(await self._replies.to(stored)))

    async def _add(self, user_id: UUID, wish: AlertRequest, reservation: Reservation, now: datetime) -> StoredAlert:
        if not reservation.is_new:  # it may have been added, and even have moved to another shard since
            with suppress(UnknownAlertError):
                return await self._alerts.find(user_id, reservation.alert_id)
        return await self._alerts.add(user_id, wish, now, reservation.alert_id)
