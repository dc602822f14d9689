"""Travellers: their wishes, where they are reached, and what they have been told; one statement per batch and step."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final, TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier.deciding.policy import QuietHours, Standing, Told, Wishes
from services.notifier.deciding.ruling import Traveller
from services.notifier.devices import live_devices
from services.notifier.gateway import Device
from shared.databases import reaching

# In the order of their ids, because two batches that share travellers wait for each other. Whoever holds a traveller
# decides alone on what they are told: no cap is passed by two at once.
LOCK: Final = text("""
    SELECT users.id, time_zone, quiet_from, quiet_to, pass_when_exceptional, digest_at, most_per_hour, most_per_day,
        locale
    FROM users LEFT JOIN preferences ON preferences.user_id = users.id
    WHERE users.id = ANY(CAST(:users AS uuid[])) AND deleting_at IS NULL
    ORDER BY users.id
    FOR NO KEY UPDATE OF users
""")

# What is being sent is as good as sent, lest two batches share one cap; so is what one device has and another is
# still to get. Traveller by traveller, by OFFSET 0: as a set the planner would read whole days.
_TOLD: Final = """
    FROM unnest(CAST(:users AS uuid[])) AS traveller (traveller_id) CROSS JOIN LATERAL (
        SELECT user_id, id, told_with, alert_id, content, coalesce(sent_at, CAST(:now AS timestamptz)) AS at
        FROM notifications
        WHERE user_id = traveller_id AND recorded_at > CAST(:since AS timestamptz)
            AND fired_on BETWEEN CAST(:first AS date) - 1 AND CAST(:last AS date) + 1
            AND (state IN ('sending', 'sent', 'delivered', 'opened') OR reached <> '{}')
        OFFSET 0
    ) AS told
    WHERE id <> ALL(CAST(:ids AS uuid[]))
"""

# A digest counts as one.
COUNTS: Final = text(f"""
    SELECT user_id,
        count(DISTINCT coalesce(told_with, id)) FILTER (WHERE at > CAST(:an_hour_ago AS timestamptz)) AS in_last_hour,
        count(DISTINCT coalesce(told_with, id)) AS in_last_day
    {_TOLD} AND at > CAST(:a_day_ago AS timestamptz)
    GROUP BY user_id
""")

LAST_TOLD: Final = text(f"""
    SELECT DISTINCT ON (alert_id) user_id, alert_id, max(at) OVER (PARTITION BY alert_id) AS at,
        CAST(coalesce(content ->> 'revision', '0') AS bigint) AS revision,
        CAST(content ->> 'fire_seq' AS bigint) AS fire_seq
    {_TOLD} AND alert_id = ANY(CAST(:alerts AS uuid[])) AND content ->> 'kind' = 'fired'
    ORDER BY alert_id, revision DESC, fire_seq DESC
""")

# Longer than anything is held or tried again.
REMEMBERED: Final = timedelta(days=3)

Wished: TypeAlias = Row[Any]


@reaching("accounts")
async def lock(connection: AsyncConnection, users: Collection[UUID]) -> dict[UUID, Wished]:
    """Hold these travellers to the end of the transaction; those that are gone, or being deleted, are left out."""
    return {row.id: row for row in await connection.execute(LOCK, {"users": list(users)})}


@reaching("accounts")
async def load(
    connection: AsyncConnection,
    locked: Mapping[UUID, Wished],
    deciding: Mapping[UUID, UUID],
    now: datetime,
    *,
    caps: bool,
) -> dict[UUID, Traveller]:
    """Load what is needed to decide on some travellers' notifications.

    Args:
        connection: that holds the travellers.
        locked: their wishes.
        deciding: the notifications, which do not count themselves, and the alert of each.
        now: in UTC.
        caps: whether it matters how often somebody was told.
    """
    since = now - REMEMBERED
    asked = {
        "users": list(locked),
        "ids": list(deciding),
        "now": now,
        "since": since,
        "first": since.date(),
        "last": now.date(),
    }
    spans = {"an_hour_ago": now - timedelta(hours=1), "a_day_ago": now - timedelta(days=1)}
    devices = await live_devices(connection, locked)
    counts = await connection.execute(COUNTS, asked | spans) if caps else ()
    told = await connection.execute(LAST_TOLD, asked | {"alerts": list(set(deciding.values()))})
    return _assembled(locked, devices, _by_user(counts), _by_user(told))


def _by_user(rows: Iterable[Row[Any]]) -> Mapping[UUID, list[Row[Any]]]:
    found: defaultdict[UUID, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        found[row.user_id].append(row)
    return found


def _assembled(
    locked: Mapping[UUID, Wished],
    devices: Mapping[UUID, list[Device]],
    counts: Mapping[UUID, list[Row[Any]]],
    told: Mapping[UUID, list[Row[Any]]],
) -> dict[UUID, Traveller]:
    """Put together what each statement has found, by traveller."""
    return {
        user: Traveller(
            [replace(device, locale=wished.locale or device.locale) for device in devices.get(user, [])],
            Standing(
                _wishes(wished, devices.get(user, [])),
                *_counts(counts.get(user, [])),
                {row.alert_id: Told(row.at, row.revision, row.fire_seq) for row in told.get(user, [])},
            ),
        )
        for user, wished in locked.items()
    }


def _wishes(wished: Wished, devices: Sequence[Device]) -> Wishes:
    zone = zone_of(wished.time_zone or (devices[0].time_zone if devices else "UTC"))
    if wished.most_per_hour is None:  # no preferences: as the defaults say
        return Wishes(zone)
    return Wishes(
        zone=zone,
        quiet_hours=None if wished.quiet_from is None else QuietHours(wished.quiet_from, wished.quiet_to),
        pass_when_exceptional=wished.pass_when_exceptional,
        digest_at=wished.digest_at,
        most_per_hour=wished.most_per_hour,
        most_per_day=wished.most_per_day,
    )


def _counts(rows: Sequence[Row[Any]]) -> tuple[int, int]:
    return (rows[0].in_last_hour, rows[0].in_last_day) if rows else (0, 0)


@lru_cache(maxsize=1_024)
def zone_of(name: str) -> ZoneInfo:
    """Return the time zone of an IANA name, or UTC for one that this machine's data does not know."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")
