"""The devices that travellers are told on; one statement per batch and step."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier.gateway import Device
from shared.databases import reaching

# The one last seen first: its time zone is where the traveller is.
DEVICES: Final = text("""
    SELECT id, user_id, platform, locale, time_zone, coalesce(token, fid) AS address,
        CASE WHEN fid IS NULL THEN 'token' ELSE 'fid' END AS addressed_by
    FROM devices
    WHERE user_id = ANY(CAST(:users AS uuid[])) AND retired_at IS NULL
    ORDER BY user_id, last_seen_at DESC, id
""")

# The address is compared too: the app may have given the device a new one since the push was built.
# Locked in order of their ids, because two batches may find the same devices dead.
RETIRE: Final = text("""
    UPDATE devices SET retired_at = CAST(:now AS timestamptz), retired_reason = locked.reason
    FROM (
        SELECT devices.id, dead.reason
        FROM unnest(CAST(:ids AS uuid[]), CAST(:addresses AS text[]), CAST(:reasons AS text[]))
            AS dead (id, address, reason)
        JOIN devices ON devices.id = dead.id AND coalesce(devices.token, devices.fid) = dead.address
        WHERE devices.retired_at IS NULL
        ORDER BY devices.id
        FOR NO KEY UPDATE OF devices
    ) AS locked
    WHERE devices.id = locked.id
""")


@reaching("accounts")
async def live_devices(connection: AsyncConnection, users: Collection[UUID]) -> dict[UUID, list[Device]]:
    """Return the devices of each of these users that has any, the one last seen first."""
    found: dict[UUID, list[Device]] = {}
    for row in await connection.execute(DEVICES, {"users": list(users)}):
        found.setdefault(row.user_id, []).append(_device(row))
    return found


@reaching("accounts")
async def retire(connection: AsyncConnection, dead: Sequence[tuple[Device, str]], now: datetime) -> None:
    """Send nothing more to these devices, each for its reason."""
    columns = {
        "ids": [device.id for device, _ in dead],
        "addresses": [device.address for device, _ in dead],
        "reasons": [reason for _, reason in dead],
    }
    await connection.execute(RETIRE, columns | {"now": now})


def _device(row: Row[Any]) -> Device:
    return Device(
        id=row.id,
        user_id=row.user_id,
        platform=row.platform,
        locale=row.locale,
        time_zone=row.time_zone,
        address=row.address,
        addressed_by=row.addressed_by,
    )
