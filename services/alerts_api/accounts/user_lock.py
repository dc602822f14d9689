"""Holding on to a user's row while what hangs on it is written: one such write of a user's follows another."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.errors import FarelarkError
from shared.schema.accounts import users


class AccountGoneError(FarelarkError):
    """The account has been deleted, or is being deleted; its access tokens are valid for some minutes more."""


async def lock_user(connection: AsyncConnection, user_id: UUID) -> None:
    """Keep the user, and all others who would lock it, in place until the transaction ends.

    Raises:
        AccountGoneError: there is no such user any more.
    """
    live = select(users.c.id).where(users.c.id == user_id, users.c.deleting_at.is_(None))
    if await connection.scalar(live.with_for_update(key_share=True)) is None:
        raise AccountGoneError("the account no longer exists")
