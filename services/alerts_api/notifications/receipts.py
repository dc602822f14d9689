"""From an app's receipts to what is to be written of each notification. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from services.alerts_api.notifications.resources import Receipt

# How far a phone's clock may be ahead of ours.
LEEWAY: Final = timedelta(minutes=5)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Reported:
    """When, at the earliest, what was reported of one notification happened."""

    delivered_at: datetime | None = None
    opened_at: datetime | None = None
    read_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What receipts say.

    Attributes:
        reported: by notification.
        believed: the notification of each receipt that counts.
        refused: the positions of the receipts that do not.
    """

    reported: dict[UUID, Reported] = field(default_factory=dict)
    believed: list[UUID] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)


def read(receipts: Sequence[Receipt], now: datetime) -> Reading:
    """Read receipts, of which any may be repeated and out of order; what was opened was delivered by then."""
    reading = Reading()
    for position, receipt in enumerate(receipts):
        if receipt.at > now + LEEWAY:
            reading.refused.append(position)
        else:
            reading.believed.append(receipt.id)
            _take(reading.reported.setdefault(receipt.id, Reported()), receipt.event, bounded(receipt.at, now))
    return reading


def bounded(at: datetime, now: datetime) -> datetime:
    """The instant, or the nearest one that a database can hold and that has come."""
    return max(_EPOCH, min(at, now))


def _take(reported: Reported, event: str, at: datetime) -> None:
    if event == "read":
        reported.read_at = _earliest(reported.read_at, at)
        return
    reported.delivered_at = _earliest(reported.delivered_at, at)
    if event == "opened":
        reported.opened_at = _earliest(reported.opened_at, at)


def _earliest(known: datetime | None, at: datetime) -> datetime:
    return min(known, at) if known else at
