"""Whom another issuer's subjects stand for: a user of ours each, made when the first token of theirs is seen."""

from collections.abc import Callable
from datetime import datetime
from time import monotonic
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import Row, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.databases import reaching
from shared.schema.accounts import identities, users

# For so long at most may a user who is being deleted still get in.
_KEEP_S: Final = 60.0
_MOST_KEPT: Final = 10_000


class Identities:
    """The users of one issuer's subjects."""

    def __init__(self, engine: AsyncEngine, issuer: str, clock: Callable[[], float] = monotonic) -> None:
        self._engine = engine
        self._issuer = issuer
        self._clock = clock
        self._known: dict[str, tuple[UUID, float]] = {}  # the oldest first

    async def user_of(self, subject: str) -> UUID | None:
        """The user whom the subject stands for; None while that user is being deleted.

        Raises:
            UnavailableError: the accounts database is away.
        """
        user_id, known_at = self._known.get(subject, (None, 0.0))
        if user_id and self._clock() - known_at < _KEEP_S:
            return user_id
        user_id = await self._read_or_add(subject)
        if user_id:
            self._keep(subject, user_id)
        return user_id

    def _keep(self, subject: str, user_id: UUID) -> None:
        self._known.pop(subject, None)
        self._known[subject] = (user_id, self._clock())
        if len(self._known) > _MOST_KEPT:
            del self._known[next(iter(self._known))]

    @reaching("accounts")
    async def _read_or_add(self, subject: str) -> UUID | None:
        async with self._engine.begin() as connection:
            if not (user := await self._read(connection, subject)):
                await self._add(connection, subject)
                user = await self._read(connection, subject)
        return user.id if user and user.deleting_at is None else None

    async def _read(self, connection: AsyncConnection, subject: str) -> Row[UUID, datetime | None] | None:
        statement = (
            select(users.c.id, users.c.deleting_at)
            .join(identities)
            .where(identities.c.issuer == self._issuer, identities.c.subject == subject)
        )
        return (await connection.execute(statement)).one_or_none()

    async def _add(self, connection: AsyncConnection, subject: str) -> None:
        """Make the user, unless another request has just done so: then it waits for that one's commit."""
        identity = (
            insert(identities)
            .values(issuer=self._issuer, subject=subject, user_id=uuid4())
            .on_conflict_do_nothing()
            .returning(identities.c.user_id)
            .cte("identity")
        )
        await connection.execute(insert(users).from_select(["id"], select(identity.c.user_id)))
