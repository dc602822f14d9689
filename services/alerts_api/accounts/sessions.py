"""Sessions in the accounts database: each is a login, and the refresh tokens that follow from it.

Whoever writes a session's tokens locks the session first. How long ago a token was used is told by the database's
clock alone: its uses may come to servers whose clocks differ.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid4

import structlog
from sqlalchemy import ColumnElement, Row, delete, exists, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.alerts_api.accounts.rotation import Verdict, judge, new_token, successor, token_hash
from services.alerts_api.accounts.user_lock import AccountGoneError, lock_user
from shared.databases import reaching
from shared.schema.accounts import refresh_tokens, sessions, users

IDLE: Final = timedelta(days=60)
LONGEST: Final = timedelta(days=365)

_KEPT_AFTER_EXPIRY: Final = timedelta(days=1)
# Each may have thousands of refresh tokens, which go with it.
_FORGOTTEN_AT_ONCE: Final = 100

_used_at: Final = refresh_tokens.c.used_at

log = structlog.get_logger()


class End(StrEnum):
    """Why a session ended before its time."""

    LOGOUT = "logout"
    LOGOUT_EVERYWHERE = "logout_everywhere"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - no password
    REUSE = "refresh_token_reused"


class Session(NamedTuple):
    """A session that goes on, with the refresh token that is good for it now."""

    user_id: UUID
    refresh_token: str
    expires_at: datetime


class SessionStore:
    """Opens, refreshes and ends sessions; every method raises `UnavailableError` when the database is away."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @reaching("accounts")
    async def open(self, user_id: UUID, password_hash: str | None, now: datetime) -> Session:
        """Open a session for a user who has shown the password of this hash.

        Raises:
            AccountGoneError: it is no longer the user's, or there is no such user any more.
        """
        session_id, session = uuid4(), Session(user_id, new_token(), now + IDLE)
        facts = {"id": session_id, "user_id": user_id, "created_at": now, "expires_at": session.expires_at}
        async with self._engine.begin() as connection:
            as_shown = (users.c.id == user_id, users.c.password_hash == password_hash)
            # Whoever changes the password, or deletes the account, ends this session too.
            if await connection.scalar(select(users.c.id).where(*as_shown).with_for_update(read=True)) is None:
                raise AccountGoneError("the account no longer exists, or its password has just been changed")
            await connection.execute(insert(sessions).values(facts))
            await _add_token(connection, session_id, session.refresh_token, now)
        return session

    @reaching("accounts")
    async def refresh(self, token: str, key: str | None, now: datetime) -> Session | None:
        """Exchange a refresh token for its successor.

        Args:
            token: as shown.
            key: of the request, the same when it is repeated.
            now: in UTC.

        Returns:
            The session, None if the token is not good; that it was used before may have ended the session.
        """
        async with self._engine.begin() as connection:
            session = await _lock_going_on(connection, token, now)
            if session is None:
                return None
            following = successor(token, session.id, key)
            match await _judge(connection, token, following):
                case Verdict.ROTATE:
                    return await _rotate(connection, session, token, following, now)
                case Verdict.REPEAT:
                    return Session(session.user_id, following, session.expires_at)
                case Verdict.REVOKE:
                    log.warning("refresh_token_reused", user_id=str(session.user_id), consequence="session ended")
                    await end(connection, sessions.c.id == session.id, End.REUSE, now)
        return None

    @reaching("accounts")
    async def end_by(self, token: str, now: datetime) -> None:
        """End the session of this refresh token, if there is one, even if the token was used."""
        async with self._engine.begin() as connection:
            await end(connection, _is_of(token), End.LOGOUT, now)

    @reaching("accounts")
    async def end_all(self, user_id: UUID, now: datetime) -> None:
        """End all of the user's sessions.

        Raises:
            AccountGoneError: there is no such user any more.
        """
        async with self._engine.begin() as connection:
            await lock_user(connection, user_id)
            await end(connection, sessions.c.user_id == user_id, End.LOGOUT_EVERYWHERE, now)

    @reaching("accounts")
    async def forget_expired(self, now: datetime) -> None:
        """Delete the sessions that expired more than a day ago."""
        expired = select(sessions.c.id).where(sessions.c.expires_at < now - _KEPT_AFTER_EXPIRY)
        some = expired.limit(_FORGOTTEN_AT_ONCE).with_for_update(skip_locked=True)
        gone = _FORGOTTEN_AT_ONCE
        while gone == _FORGOTTEN_AT_ONCE:
            async with self._engine.begin() as connection:
                gone = (await connection.execute(delete(sessions).where(sessions.c.id.in_(some)))).rowcount


async def end(connection: AsyncConnection, which: ColumnElement[bool], reason: End, now: datetime) -> None:
    """End those of these sessions that go on."""
    going_on = sessions.c.revoked_at.is_(None)
    await connection.execute(update(sessions).where(which, going_on).values(revoked_at=now, revoked_reason=reason))


def _is_of(token: str) -> ColumnElement[bool]:
    """Whether the token, used or not, is one of a session's."""
    its = select(refresh_tokens.c.session_id).where(refresh_tokens.c.hash == token_hash(token))
    return sessions.c.id == its.scalar_subquery()


async def _lock_going_on(connection: AsyncConnection, token: str, now: datetime) -> Row[Any] | None:
    going_on = (sessions.c.revoked_at.is_(None), sessions.c.expires_at > now)
    return (await connection.execute(select(sessions).where(_is_of(token), *going_on).with_for_update())).one_or_none()


async def _judge(connection: AsyncConnection, token: str, following: str) -> Verdict:
    waiting = exists().where(refresh_tokens.c.hash == token_hash(following), _used_at.is_(None))
    since_use = func.clock_timestamp() - _used_at
    wanted = select(since_use, waiting).where(refresh_tokens.c.hash == token_hash(token))
    return judge(*(await connection.execute(wanted)).one())


async def _rotate(connection: AsyncConnection, session: Row[Any], token: str, following: str, now: datetime) -> Session:
    used = update(refresh_tokens).where(refresh_tokens.c.hash == token_hash(token))
    await connection.execute(used.values(used_at=func.clock_timestamp()))
    await _add_token(connection, session.id, following, now)
    expires_at = min(now + IDLE, session.created_at + LONGEST)
    await connection.execute(update(sessions).where(sessions.c.id == session.id).values(expires_at=expires_at))
    return Session(session.user_id, following, expires_at)


async def _add_token(connection: AsyncConnection, session_id: UUID, token: str, now: datetime) -> None:
    facts = {"hash": token_hash(token), "session_id": session_id, "issued_at": now}
    await connection.execute(insert(refresh_tokens).values(facts))
