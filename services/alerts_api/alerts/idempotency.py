"""Requests that may come again under the same Idempotency-Key, as accounts knows them for a day."""

from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any, Final, NamedTuple, Self
from uuid import UUID

import msgspec
from sqlalchemy import delete, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.errors import FarelarkError
from shared.schema.accounts import idempotency_keys

KEPT: Final = timedelta(hours=24)
# With each new key go so many old ones: more than one, so that they never pile up.
_FORGOTTEN_AT_ONCE: Final = 50

_keys: Final = idempotency_keys.c
_is_old: Final = _keys.created_at <= func.now() - KEPT


class KeyReusedError(FarelarkError):
    """The Idempotency-Key came with another request before."""


@dataclass(frozen=True, slots=True)
class RepeatableRequest:
    """A request under a key; of two with the same content the fingerprint is the same, however they were written."""

    user_id: UUID
    key: str
    fingerprint: bytes

    @classmethod
    def of(cls, user_id: UUID, key: str, content: msgspec.Struct) -> Self:
        """The request with this content."""
        return cls(user_id, key, sha256(msgspec.json.encode(content)).digest())


class Earlier(NamedTuple):
    """What is known of the same request before: the alert that it stands for, and its reply, once there was one."""

    alert_id: UUID
    reply: bytes | None


async def find_earlier(connection: AsyncConnection, request: RepeatableRequest) -> Earlier | None:
    """What is known of the same request before.

    Raises:
        KeyReusedError: the key came with another request.
    """
    wanted = select(_keys.alert_id, _keys.reply, _keys.request_hash).where(*_is(request), ~_is_old)
    row = (await connection.execute(wanted)).one_or_none()
    if row and row.request_hash != request.fingerprint:
        raise KeyReusedError("this Idempotency-Key came with another body before: take a new key for a new alert")
    return Earlier(row.alert_id, row.reply) if row else None


async def note(connection: AsyncConnection, request: RepeatableRequest, alert_id: UUID) -> None:
    """Note what the request stands for; the user is locked, and there is no earlier one but an old one."""
    facts = {
        "user_id": request.user_id,
        "key": request.key,
        "request_hash": request.fingerprint,
        "alert_id": alert_id,
        "reply": None,
        "created_at": func.now(),
    }
    statement = insert(idempotency_keys).values(facts)
    await connection.execute(statement.on_conflict_do_update(index_elements=[_keys.user_id, _keys.key], set_=facts))
    await _forget_some(connection)


async def keep_reply(connection: AsyncConnection, request: RepeatableRequest, reply: bytes) -> bytes:
    """Keep this reply if it is the first; gives the first one."""
    statement = update(idempotency_keys).where(*_is(request)).values(reply=func.coalesce(_keys.reply, reply))
    return await connection.scalar(statement.returning(_keys.reply)) or reply


async def _forget_some(connection: AsyncConnection) -> None:
    old = select(_keys.user_id, _keys.key).where(_is_old).order_by(_keys.created_at).limit(_FORGOTTEN_AT_ONCE)
    which = tuple_(_keys.user_id, _keys.key).in_(old.with_for_update(skip_locked=True))
    await connection.execute(delete(idempotency_keys).where(which))


def _is(request: RepeatableRequest) -> tuple[Any, ...]:
    return _keys.user_id == request.user_id, _keys.key == request.key
