"""Whether a notice still holds, by what has since become known of its alert and of its fare. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from shared.alerts.filters import first_departure
from shared.messages.notifications import Expiry, Fare, Notice

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


class Revocation(StrEnum):
    """Why a notice must not be sent any more."""

    ALERT_DELETED = "alert_deleted"
    ALERT_EDITED = "alert_edited"
    ALERT_PAUSED = "alert_paused"
    ALERT_EXPIRED = "alert_expired"
    FARE_GONE = "fare_gone"
    FARE_DEPARTED = "fare_departed"


# The alert lives on, and must not count as having fired: its user has seen nothing.
UNSEEN: Final = frozenset({Revocation.ALERT_PAUSED, Revocation.FARE_GONE})

_BY_STATE: Final = {"paused": Revocation.ALERT_PAUSED, "expired": Revocation.ALERT_EXPIRED}


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert as it is now: how often it was edited, and its state."""

    revision: int
    state: str


@dataclass(frozen=True, slots=True)
class Listing:
    """A fare as its board has it: the price in the fare's currency, and the last sighting in ms since 1970."""

    price: int
    observed_at: int


def by_alert(notice: Notice, alert: Alert | None) -> Revocation | None:
    """Judge by the alert, None where its shard has none; an alert that fires only `once` has the state `fired`."""
    if alert is None:
        return Revocation.ALERT_DELETED
    if alert.revision != notice.revision:
        return Revocation.ALERT_EDITED
    if isinstance(notice, Expiry):
        return None
    return _BY_STATE.get(alert.state)


def by_fare(fare: Fare, listing: Listing | None, now: datetime) -> Revocation | None:
    """Judge by the calendar, then by the fare's board: only a later sighting at a higher price says that it is gone.

    A board may be behind the notice, for it is written after the change has been published.
    """
    if fare.departure_date < first_departure(now):
        return Revocation.FARE_DEPARTED
    if listing is None or listing.observed_at <= (fare.observed_at - _EPOCH) // _MILLISECOND:
        return None
    return Revocation.FARE_GONE if listing.price > fare.price else None
