"""Vets notices before they are sent: alerts and fares may have changed while they were queued."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from uuid import UUID

import structlog

from services.notifier.deciding.ruling import Ruling
from services.notifier.states import State
from services.notifier.vetting.alerts import AlertReader
from services.notifier.vetting.boards import FareReader
from services.notifier.vetting.revocation import Revocation, by_alert, by_fare
from shared.errors import MapMovedError, UnavailableError
from shared.messages.notifications import Notice, Notification

log = structlog.get_logger()


class Vetting:
    """Finds the notices that must not be sent.

    Args:
        alerts: where the notices' alerts are found.
        fares: where the fares that fired them are found.
        clock: tells the instant in UTC.
    """

    def __init__(self, alerts: AlertReader, fares: FareReader, clock: Callable[[], datetime]) -> None:
        self._alerts = alerts
        self._fares = fares
        self._clock = clock

    async def withhold(self, notices: Collection[Notice]) -> dict[UUID, Ruling]:
        """Return what becomes, by id, of those that are not to be sent: dropped, or queued where we cannot know.

        Raises:
            UnavailableError: Redis, or every shard, cannot be reached.
            TransientError: a board is of a format not known here.
        """
        withheld = await self._by_alert(notices)
        firings = [one for one in notices if isinstance(one, Notification) and one.id not in withheld]
        return withheld | await self._by_fare(firings)

    async def _by_alert(self, notices: Collection[Notice]) -> dict[UUID, Ruling]:
        parts = await self._alerts.by_shard(notices)
        judged = await asyncio.gather(*(self._part_by_alert(shard, part) for shard, part in parts.items()))
        return {id_: ruling for part in judged for id_, ruling in part.items()}

    async def _part_by_alert(self, shard: int, notices: Sequence[Notice]) -> dict[UUID, Ruling]:
        """Judge the notices of one shard; where it is away, its notices wait and those of the others do not."""
        try:
            alerts = await self._alerts.read(shard, notices)
        except (UnavailableError, MapMovedError) as error:
            reason = "map_moved" if isinstance(error, MapMovedError) else "shard_unavailable"
            log.warning(reason, server=error.server, error=str(error), notices=len(notices))
            return {notice.id: Ruling(State.QUEUED, reason) for notice in notices}
        return _dropped({notice.id: by_alert(notice, alerts.get(notice.alert_id)) for notice in notices})

    async def _by_fare(self, firings: Collection[Notification]) -> dict[UUID, Ruling]:
        listings = await self._fares.read(firing.fare for firing in firings)
        now = self._clock()
        return _dropped({firing.id: by_fare(firing.fare, listings.get(firing.fare), now) for firing in firings})


def _dropped(revocations: dict[UUID, Revocation | None]) -> dict[UUID, Ruling]:
    return {id_: Ruling(State.DROPPED, reason) for id_, reason in revocations.items() if reason}
