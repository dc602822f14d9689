"""Users and their devices in the accounts database."""

from typing import NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from services.alerts_api.devices.resources import DeviceRequest
from shared.databases import reaching
from shared.schema.accounts import devices, users


class User(NamedTuple):
    """What logging in needs to know of a user."""

    id: UUID
    password_hash: str


class AccountsStore:
    """Reads and writes users and devices; every method raises `UnavailableError` when the database is away."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @reaching("accounts")
    async def add_user(self, email: str, password_hash: str) -> UUID | None:
        """Add a user and give the id, or None if the address is taken."""
        statement = (
            insert(users)
            .values(id=uuid4(), email=email, password_hash=password_hash)
            .on_conflict_do_nothing(index_elements=[users.c.email])
            .returning(users.c.id)
        )
        async with self._engine.begin() as connection:
            added: UUID | None = await connection.scalar(statement)
        return added

    @reaching("accounts")
    async def find_user(self, email: str) -> User | None:
        """The user with this address, in lower case."""
        statement = select(users.c.id, users.c.password_hash).where(users.c.email == email)
        async with self._engine.connect() as connection:
            row = (await connection.execute(statement)).one_or_none()
        return User(*row) if row else None

    @reaching("accounts")
    async def enter_device(self, user_id: UUID, device: DeviceRequest) -> tuple[UUID, bool]:
        """Note that the user has this device; gives its id, and whether its token is new here.

        A token known already moves to this user, is seen again, and is no longer retired.
        """
        facts = {
            "user_id": user_id,
            "platform": device.platform,
            "locale": device.locale,
            "time_zone": device.time_zone,
            "app_version": device.app_version,
        }
        statement = (
            insert(devices)
            .values(id=uuid4(), token=device.token, **facts)
            .on_conflict_do_update(
                index_elements=[devices.c.token],
                set_={**facts, "last_seen_at": func.now(), "retired_at": None, "retired_reason": None},
            )
            # A row version that no update has made has no xmax: it was inserted.
            .returning(devices.c.id, text("xmax = 0"))
        )
        async with self._engine.begin() as connection:
            device_id, is_new = (await connection.execute(statement)).one()
        return device_id, is_new

    @reaching("accounts")
    async def check(self) -> None:
        """Make sure that the database answers."""
        async with self._engine.connect() as connection:
            await connection.execute(select(1))
