"""Alerts as they lie in the shards, and finding them there."""

import asyncio
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, func, select

from services.alerts_api.alerts.ids import first_bucket
from services.alerts_api.alerts.resources import Alert, AlertRequest
from services.alerts_api.alerts.rows import Row, alert_of, request_of
from shared.alerts.arrivals import finish_arrival
from shared.alerts.filters import Filters
from shared.alerts.moves import row_version
from shared.errors import FarelarkError
from shared.schema.shards import alerts
from shared.shards import RatesInUse, Shards

# A row with its version, against which it is written back.
COLUMNS: Final = (alerts, row_version.label("version"))


class UnknownAlertError(FarelarkError):
    """The traveller has no such alert."""


@dataclass(frozen=True, slots=True)
class StoredAlert:
    """An alert's row with its version, the shard it lies in, and the rates there."""

    shard: int
    row: Row
    rates: RatesInUse

    @property
    def id(self) -> UUID:
        """Its id."""
        alert_id: UUID = self.row["id"]
        return alert_id

    @property
    def route(self) -> str:
        """Its route."""
        return str(self.row["route"])

    @property
    def columns(self) -> dict[str, Any]:
        """What the table holds of it."""
        return {column.name: self.row[column.name] for column in alerts.c}

    @property
    def filters(self) -> Filters:
        """Which fares it wants."""
        return Filters.of(self.row)

    @property
    def request(self) -> AlertRequest:
        """What its traveller asked for."""
        return request_of(self.row)

    @property
    def alert(self) -> Alert:
        """What its traveller sees."""
        return alert_of(self.row, self.rates.rates.reference)


async def find(shards: Shards, user_id: UUID, alert_id: UUID) -> StoredAlert:
    """The user's alert, wherever it is.

    Raises:
        UnknownAlertError: there is none, or it is somebody else's.
        UnavailableError: a shard that may hold it is away.
    """
    wanted = select(*COLUMNS).where(alerts.c.id == alert_id, alerts.c.user_id == user_id)
    if found := await _look(shards, wanted, first_bucket(alert_id)):
        return found
    # It may be on its way between two shards, or have slipped past us from one that we had yet to ask.
    await finish_arrival(shards, alert_id)
    if found := await _look(shards, wanted, first_bucket(alert_id)):
        return found
    raise UnknownAlertError(f"there is no alert {alert_id}")


async def newest(shards: Shards, user_id: UUID, count: int) -> tuple[int, list[StoredAlert]]:
    """How many alerts the user has, and the newest of them.

    Raises:
        UnavailableError: a shard is away.
    """
    wanted = (
        select(*COLUMNS, func.count().over().label("total"))
        .where(alerts.c.user_id == user_id)
        .order_by(alerts.c.created_at.desc(), alerts.c.id.desc())
        .limit(count)
    )
    # Any shard may hold all that is wanted.
    parts = await asyncio.gather(*(_select(shards, shard, wanted) for shard in shards.numbers))
    found = [stored for part in parts for stored in part]
    # One that moves from a shard asked early to one asked late is seen twice.
    alone = {stored.id: stored for stored in sorted(found, key=lambda stored: int(stored.row["revision"]))}
    total = sum(part[0].row["total"] for part in parts if part) - (len(found) - len(alone))
    return total, sorted(alone.values(), key=lambda stored: (stored.row["created_at"], stored.id), reverse=True)[:count]


async def _look(shards: Shards, wanted: Select[Any], bucket: int) -> StoredAlert | None:
    """Look in the shard of the bucket first, then in the others at once."""
    first = (await shards.current_map()).shards[bucket]
    if found := await _select(shards, first, wanted):
        return found[0]
    others = [shard for shard in shards.numbers if shard != first]
    answers = await asyncio.gather(*(_select(shards, shard, wanted) for shard in others), return_exceptions=True)
    failures = [answer for answer in answers if isinstance(answer, BaseException)]
    for answer in answers:
        if answer and not isinstance(answer, BaseException):
            return answer[0]
    if failures:
        raise failures[0]
    return None


async def _select(shards: Shards, shard: int, wanted: Select[Any]) -> list[StoredAlert]:
    async with shards.transaction(shard, []) as transaction:
        rows = (await transaction.connection.execute(wanted)).mappings()
        return [StoredAlert(shard, dict(row), transaction.rates) for row in rows]
