"""All alerts of one traveller, without one that slips past while it is on its way between two shards."""

from collections.abc import Collection
from typing import Final
from uuid import UUID

from services.alerts_api.alerts.listing import Listing
from services.alerts_api.alerts.resources import Alert
from services.alerts_api.alerts.store import AlertsStore
from services.alerts_api.alerts.stored import UnknownAlertError
from services.alerts_api.alerts.writes import ContendedError

_AT_ONCE: Final = 500


async def own_alerts(alerts: AlertsStore, user_id: UUID, slots: Collection[UUID]) -> list[Alert]:
    """Read all alerts of a user.

    Args:
        alerts: where they are.
        user_id: whose they are.
        slots: the ids of those that have been made, for all that accounts knows.

    Raises:
        UnavailableError: a shard is away.
        ContendedError: some are in a bucket that is being moved between two shards, where nobody sees them.
    """
    found = await _listed(alerts, user_id)
    unseen = set(slots) - {alert.id for alert in found}
    found += [alert for alert_id in unseen if (alert := await _find(alerts, user_id, alert_id))]
    unseen -= {alert.id for alert in found}
    # Those that are nowhere have just been deleted, or are just being made.
    if unseen and unseen != await alerts.absent(unseen):
        raise ContendedError("some alerts are in a bucket that is being moved")
    return found


async def _listed(alerts: AlertsStore, user_id: UUID) -> list[Alert]:
    page = await alerts.page(user_id, Listing(), _AT_ONCE, 0, None)
    listed = [seen.alert for seen in page.alerts]
    while page.end:
        page = await alerts.page(user_id, Listing(), _AT_ONCE, 0, page.end)
        listed += [seen.alert for seen in page.alerts]
    return listed


async def _find(alerts: AlertsStore, user_id: UUID, alert_id: UUID) -> Alert | None:
    try:
        return (await alerts.find(user_id, alert_id)).alert
    except UnknownAlertError:
        return None
