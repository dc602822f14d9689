"""Users and their passwords in the accounts database."""

from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from services.alerts_api.accounts.sessions import End, end
from services.alerts_api.accounts.user_lock import AccountGoneError
from shared.databases import reaching
from shared.schema.accounts import sessions, users

_stays: Final = users.c.deleting_at.is_(None)


class User(NamedTuple):
    """What is known of a user; whoever comes by another issuer's tokens has neither address nor password."""

    id: UUID
    email: str | None
    password_hash: str | None
    created_at: datetime


class AccountsStore:
    """Reads and writes users; every method raises `UnavailableError` when the database is away."""

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

    async def find_user(self, email: str) -> User | None:
        """The user with this address, in lower case."""
        return await self._find(users.c.email == email)

    async def user(self, user_id: UUID) -> User:
        """The user with this id.

        Raises:
            AccountGoneError: there is no such user any more.
        """
        if user := await self._find(users.c.id == user_id):
            return user
        raise AccountGoneError("the account no longer exists")

    @reaching("accounts")
    async def change_password(self, user: User, password_hash: str, now: datetime) -> bool:
        """Give the user another password and end all sessions; False if the password was changed meanwhile."""
        as_read = (users.c.id == user.id, users.c.password_hash == user.password_hash)
        changed = update(users).where(*as_read).values(password_hash=password_hash).returning(users.c.id)
        async with self._engine.begin() as connection:
            if await connection.scalar(changed) is None:
                return False
            await end(connection, sessions.c.user_id == user.id, End.PASSWORD_CHANGED, now)
        return True

    @reaching("accounts")
    async def check(self) -> None:
        """Make sure that the database answers."""
        async with self._engine.connect() as connection:
            await connection.execute(select(1))

    @reaching("accounts")
    async def _find(self, which: ColumnElement[bool]) -> User | None:
        async with self._engine.connect() as connection:
            wanted = select(users.c.id, users.c.email, users.c.password_hash, users.c.created_at).where(which, _stays)
            row = (await connection.execute(wanted)).one_or_none()
        return User(*row) if row else None
