"""Deleting accounts: what is the traveller's goes first, the row that says so goes last.

1. mark: the row loses its name and its password, and nobody gets in any more;
2. erase: the alerts on every shard, then the notifications;
3. the row itself, with all that still hangs on it.

An access token is good for some minutes more, and what somebody began with it before the mark may come after the
first sweep. So everything is erased again and again until that is over, and only then does the row go. A crash
or a shard that is away leaves a marked row, which whoever comes next goes on with.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.alerts_api.accounts.erasure import erase_alerts, erase_notifications
from services.alerts_api.accounts.user_lock import AccountGoneError
from shared.databases import reaching
from shared.errors import MapMovedError, UnavailableError
from shared.failpoints import Failpoints
from shared.schema.accounts import devices, idempotency_keys, preferences, sessions, users
from shared.shards import Shards
from shared.token_keys import TOKEN_LIFETIME

# Whoever has marked an account is at work on it for no longer.
_IN_HAND: Final = timedelta(minutes=1)
# With some minutes for what was begun with a token's last breath.
TOKENS_OVER: Final = TOKEN_LIFETIME + timedelta(minutes=5)

_BEFORE_ALL: Final = UUID(int=0)

log = structlog.get_logger()


class Deletions:
    """Deletes accounts.

    Args:
        engine: of the accounts database.
        shards: all of them.
        failpoints: where tests let it die.
    """

    def __init__(self, engine: AsyncEngine, shards: Shards, failpoints: Failpoints) -> None:
        self._engine = engine
        self._shards = shards
        self._failpoints = failpoints

    @reaching("accounts")
    async def mark(self, user_id: UUID, password_hash: str | None, now: datetime) -> None:
        """Let nobody in any more, nor anything out; the address is free for another account.

        Args:
            user_id: whose account it is.
            password_hash: of the password that was shown, None for a user who has none.
            now: in UTC.

        Raises:
            AccountGoneError: this was done before, or the password has been changed meanwhile.
            UnavailableError: the database is away.
        """
        as_shown = (users.c.id == user_id, users.c.password_hash.is_not_distinct_from(password_hash))
        marking = update(users).where(*as_shown, users.c.deleting_at.is_(None)).returning(users.c.id)
        async with self._engine.begin() as connection:
            nameless = {"deleting_at": now, "email": None, "password_hash": None}
            if await connection.scalar(marking.values(nameless)) is None:
                raise AccountGoneError("the account no longer exists, or its password has just been changed")
            for table in (sessions, devices, preferences, idempotency_keys):
                await connection.execute(delete(table).where(table.c.user_id == user_id))
        self._failpoints.hit("alerts_api.account_marked")

    async def erase(self, user_id: UUID) -> bool:
        """Erase what is the user's; False if a part of it cannot be reached now, and will be erased later."""
        try:
            async with reaching("accounts"), self._engine.begin() as connection:
                await self._erase(connection, user_id)
        except (UnavailableError, MapMovedError) as error:
            log.warning("erasure_put_off", error=str(error), consequence="done in the background")
            return False
        return True

    async def finish(self, now: datetime) -> None:
        """Erase once more what is left of marked accounts, and let the rows go whose time has come.

        Raises:
            UnavailableError, MapMovedError: a part cannot be reached now.
        """
        done: UUID | None = _BEFORE_ALL
        while done:
            done = await self._finish_next(done, now)

    @reaching("accounts")
    async def _finish_next(self, after: UUID, now: datetime) -> UUID | None:
        """Go on with the next marked account; those that another process has in hand are passed over."""
        due = select(users.c.id, users.c.deleting_at).where(users.c.deleting_at < now - _IN_HAND, users.c.id > after)
        async with self._engine.begin() as connection:
            next_one = due.order_by(users.c.id).limit(1).with_for_update(skip_locked=True)
            account = (await connection.execute(next_one)).one_or_none()
            if account is None:
                return None
            await self._erase(connection, account.id)
            self._failpoints.hit("alerts_api.account_erased")
            if account.deleting_at < now - TOKENS_OVER:
                await connection.execute(delete(users).where(users.c.id == account.id))
                log.info("account_deleted")
        return account.id

    async def _erase(self, connection: AsyncConnection, user_id: UUID) -> None:
        await erase_alerts(self._shards, user_id)
        self._failpoints.hit("alerts_api.alerts_erased")
        await erase_notifications(connection, user_id)
