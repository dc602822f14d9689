"""Alerts as they lie in the shards, and finding them there."""

import asyncio
from dataclasses import dataclass
from typing import Any, Final, Self
from uuid import UUID

from sqlalchemy import Select, select

from services.alerts_api.alerts.ids import first_bucket
from services.alerts_api.alerts.reading import REFERENCE, read
from services.alerts_api.alerts.resources import Alert, AlertRequest
from services.alerts_api.alerts.rows import Row, alert_of, request_of
from services.alerts_api.http.etags import etag_of, require
from shared.alerts.arrivals import finish_arrival
from shared.alerts.filters import Filters
from shared.alerts.moves import row_version
from shared.errors import FarelarkError
from shared.schema.shards import alerts
from shared.shards import RatesInUse, Shards

# A row with its version, against which it is written back.
COLUMNS: Final = (alerts, row_version.label("version"))
# What its traveller sees of a row and may find changed; the wish changes with the revision.
_SHOWN: Final = ("id", "revision", "state", "armed_price", "last_fired_at", "updated_at")

_SEE: Final = f"SELECT *, {REFERENCE} FROM alerts WHERE id = $1 AND user_id = $2"  # noqa: S608  # put together here


class UnknownAlertError(FarelarkError):
    """The traveller has no such alert."""


@dataclass(frozen=True, slots=True)
class SeenAlert:
    """An alert's row, and the reference currency."""

    row: Row
    reference: str

    @property
    def id(self) -> UUID:
        """Its id."""
        alert_id: UUID = self.row["id"]
        return alert_id

    @property
    def alert(self) -> Alert:
        """What its traveller sees."""
        return alert_of(self.row, self.reference)

    @property
    def etag(self) -> str:
        """Another one whenever its traveller would see a change."""
        return etag_of(*(self.row[name] for name in _SHOWN))


@dataclass(frozen=True, slots=True)
class StoredAlert(SeenAlert):
    """An alert's row with its version, the shard it lies in, and the rates there."""

    shard: int
    rates: RatesInUse

    @classmethod
    def of(cls, shard: int, row: Row, rates: RatesInUse) -> Self:
        """The alert of a row read or written in this shard."""
        return cls(row, rates.rates.reference, shard, rates)

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


async def see(shards: Shards, user_id: UUID, alert_id: UUID) -> SeenAlert:
    """The user's alert, to be shown and not to be written.

    Raises:
        UnknownAlertError: there is none, or it is somebody else's.
        UnavailableError: a shard that may hold it is away.
    """
    first = (await shards.current_map()).shards[first_bucket(alert_id)]
    if found := await read(shards, first, _SEE, alert_id, user_id):
        return SeenAlert(dict(found[0]), found[0]["reference"])
    return await find(shards, user_id, alert_id)


async def find(shards: Shards, user_id: UUID, alert_id: UUID, if_match: str | None = None) -> StoredAlert:
    """The user's alert, wherever it is.

    Args:
        shards: where to look.
        user_id: whose alert it is.
        alert_id: which.
        if_match: the tags of which it must have one, as the header has them; None takes it as it is.

    Raises:
        UnknownAlertError: there is none, or it is somebody else's.
        StaleError: it has another tag.
        UnavailableError: a shard that may hold it is away.
    """
    found = await _find(shards, user_id, alert_id)
    require(if_match, found.etag)
    return found


async def _find(shards: Shards, user_id: UUID, alert_id: UUID) -> StoredAlert:
    wanted = select(*COLUMNS).where(alerts.c.id == alert_id, alerts.c.user_id == user_id)
    if found := await _look(shards, wanted, first_bucket(alert_id)):
        return found
    # It may be on its way between two shards, or have slipped past us from one that we had yet to ask.
    await finish_arrival(shards, alert_id)
    if found := await _look(shards, wanted, first_bucket(alert_id)):
        return found
    raise UnknownAlertError(f"there is no alert {alert_id}")


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
        return [StoredAlert.of(shard, dict(row), transaction.rates) for row in rows]
