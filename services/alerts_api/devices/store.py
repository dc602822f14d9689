"""Devices in the accounts database."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import Boolean, Delete, Row, delete, literal_column, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.sql.dml import ReturningInsert

from services.alerts_api.accounts.user_lock import lock_user
from services.alerts_api.devices.resources import Device, DeviceRequest
from shared.databases import reaching
from shared.schema.accounts import devices

MAX_DEVICES: Final = 20  # of one user

# A row version that no update has made has no xmax: it was inserted.
_IS_NEW: Final = literal_column("xmax = 0", Boolean).label("is_new")


class DevicesStore:
    """Reads and writes devices; every method raises `UnavailableError` when the database is away."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @reaching("accounts")
    async def enter(self, user_id: UUID, request: DeviceRequest, now: datetime) -> tuple[Device, bool]:
        """Note that the user has this device; gives it, and whether its address is new here.

        An address known already moves to this user, is seen again, and is no longer retired. A user's least recently
        seen device goes when there are too many.

        Raises:
            AccountGoneError: there is no such user any more.
        """
        async with self._engine.begin() as connection:
            await lock_user(connection, user_id)
            row = (await connection.execute(_entry(user_id, request, now))).one()
            await connection.execute(_surplus(user_id, row.id))
        return _device(row), row.is_new

    @reaching("accounts")
    async def all_of(self, user_id: UUID) -> list[Device]:
        """The devices that the user's pushes go to, the last seen first."""
        wanted = (
            select(devices)
            .where(devices.c.user_id == user_id, devices.c.retired_at.is_(None))
            .order_by(devices.c.last_seen_at.desc(), devices.c.id)
        )
        async with self._engine.connect() as connection:
            return [_device(row) for row in await connection.execute(wanted)]

    @reaching("accounts")
    async def remove(self, user_id: UUID, device_id: UUID) -> bool:
        """Forget a device; gives whether the user had it."""
        gone = delete(devices).where(devices.c.id == device_id, devices.c.user_id == user_id)
        async with self._engine.begin() as connection:
            return (await connection.execute(gone)).rowcount > 0


def _entry(user_id: UUID, request: DeviceRequest, now: datetime) -> ReturningInsert[Any]:
    facts = {
        "user_id": user_id,
        "platform": request.platform,
        "locale": request.locale,
        "time_zone": request.time_zone,
        "app_version": request.app_version,
        "last_seen_at": now,
    }
    statement = insert(devices).values(id=uuid4(), token=request.token, fid=request.fid, created_at=now, **facts)
    return statement.on_conflict_do_update(
        index_elements=[devices.c.token if request.token else devices.c.fid],
        set_={**facts, "retired_at": None, "retired_reason": None},
    ).returning(devices, _IS_NEW)


def _surplus(user_id: UUID, entered: UUID) -> Delete:
    surplus = (
        select(devices.c.id)
        .where(devices.c.user_id == user_id, devices.c.id != entered)
        .order_by(devices.c.last_seen_at.desc(), devices.c.id)
        .offset(MAX_DEVICES - 1)
    )
    # One that somebody else is writing stays for once, so that nobody waits in a circle.
    free = select(devices.c.id).where(devices.c.id.in_(surplus)).with_for_update(skip_locked=True)
    return delete(devices).where(devices.c.id.in_(free))


def _device(row: Row[Any]) -> Device:
    return Device(
        id=row.id,
        platform=row.platform,
        addressed_by="token" if row.fid is None else "fid",
        locale=row.locale,
        time_zone=row.time_zone,
        app_version=row.app_version,
        last_seen_at=row.last_seen_at,
    )
