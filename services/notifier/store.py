"""Notifications and devices in the accounts database: one statement per batch and step."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.notifier.conclusion import Conclusion, State
from services.notifier.gateway import Device
from services.notifier.revocation import UNSEEN
from shared.databases import reaching
from shared.messages.notifications import Notice, Notification, encode_one

# A firing that is repeated after a rollback has its old id and a new instant, perhaps on another day and so
# in another partition: the id is looked up over all days. One race remains: two notifiers that at once record
# two copies of a firing from the two sides of midnight, neither seeing the other's row. The firing then has a
# row on each day, and the traveller is told twice if each notifier goes on to lock the row of its own.
# In order of their ids, because two batches that share notifications wait for each other's rows.
RECORD = text("""
    INSERT INTO notifications (id, fired_on, user_id, alert_id, content)
    SELECT new.id, new.fired_on, new.user_id, new.alert_id, CAST(new.content AS jsonb)
    FROM unnest(
        CAST(:ids AS uuid[]), CAST(:days AS date[]), CAST(:users AS uuid[]),
        CAST(:alerts AS uuid[]), CAST(:contents AS text[])
    ) AS new (id, fired_on, user_id, alert_id, content)
    WHERE NOT EXISTS (SELECT FROM notifications WHERE notifications.id = new.id)
    ORDER BY new.id
    ON CONFLICT DO NOTHING
""")

# The lock on its row is what makes a notification this notifier's to send. It needs no clock: whoever crashes
# lets go of it at once. Rows that another notifier holds are skipped, so nobody waits and nobody deadlocks.
LOCK = text("""
    SELECT id, state, reason FROM notifications
    WHERE id = ANY(CAST(:ids AS uuid[]))
    FOR NO KEY UPDATE SKIP LOCKED
""")

DEVICES = text("""
    SELECT id, user_id, locale, coalesce(token, fid) AS address,
        CASE WHEN fid IS NULL THEN 'token' ELSE 'fid' END AS addressed_by
    FROM devices
    WHERE user_id = ANY(CAST(:users AS uuid[])) AND retired_at IS NULL
    ORDER BY user_id, id
""")

# What the app has reported meanwhile is the later news: it stays.
MARK = text("""
    UPDATE notifications
    SET state = CASE WHEN notifications.state IN ('delivered', 'opened') THEN notifications.state ELSE done.state END,
        reason = CASE WHEN notifications.state IN ('delivered', 'opened') THEN NULL ELSE nullif(done.reason, '') END,
        sent_at = CASE WHEN done.state = 'sent' THEN now() END,
        updated_at = now()
    FROM unnest(CAST(:ids AS uuid[]), CAST(:states AS text[]), CAST(:reasons AS text[]))
        AS done (id, state, reason)
    WHERE notifications.id = done.id
""")

# The address is compared too: the app may have given the device a new one since the push was built.
# Locked in order of their ids, because two batches may find the same devices dead.
RETIRE = text("""
    UPDATE devices SET retired_at = now(), retired_reason = locked.reason
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


@dataclass(frozen=True, slots=True)
class Claim:
    """The notifications of a batch that this notifier holds until the claim ends.

    Attributes:
        unsent: those to be sent: new ones, and those that an earlier try left queued.
        unseen: those dropped earlier, of whose firings the alerts must know that nobody was told.
        elsewhere: those that another notifier is sending right now.
    """

    connection: AsyncConnection
    unsent: frozenset[UUID]
    unseen: frozenset[UUID]
    elsewhere: frozenset[UUID]

    @reaching("accounts")
    async def devices(self, users: Collection[UUID]) -> dict[UUID, list[Device]]:
        """Return the live devices of each of these users that has any."""
        found: dict[UUID, list[Device]] = {}
        for row in await self.connection.execute(DEVICES, {"users": list(users)}):
            device = Device(row.id, row.user_id, row.locale, row.address, row.addressed_by)
            found.setdefault(row.user_id, []).append(device)
        return found

    @reaching("accounts")
    async def mark(self, conclusions: Mapping[UUID, Conclusion]) -> None:
        """Write down what became of notifications, by id."""
        columns = {
            "ids": list(conclusions),
            "states": [conclusion.state.value for conclusion in conclusions.values()],
            "reasons": [conclusion.reason for conclusion in conclusions.values()],
        }
        await self.connection.execute(MARK, columns)

    @reaching("accounts")
    async def retire(self, dead: Sequence[tuple[Device, str]]) -> None:
        """Send nothing more to these devices, each for its reason."""
        columns = {
            "ids": [device.id for device, _ in dead],
            "addresses": [device.address for device, _ in dead],
            "reasons": [reason for _, reason in dead],
        }
        await self.connection.execute(RETIRE, columns)


class NotificationStore:
    """The notifications of the accounts database.

    Args:
        engine: of the accounts database; a batch takes one connection at a time.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @reaching("accounts")
    async def record(self, notices: Collection[Notice]) -> None:
        """Insert those that stand nowhere yet, and commit."""
        async with self._engine.begin() as connection:
            await connection.execute(RECORD, _columns(notices))

    @asynccontextmanager
    async def claim(self, ids: Collection[UUID]) -> AsyncIterator[Claim]:
        """Hold recorded notifications; the block's end commits what was marked, an error rolls it back."""
        connection = await self._connect()
        try:
            yield await _lock(connection, ids)
            await _commit(connection)
        finally:
            await connection.close()

    @reaching("accounts")
    async def _connect(self) -> AsyncConnection:
        return await self._engine.connect()


@reaching("accounts")
async def _lock(connection: AsyncConnection, ids: Collection[UUID]) -> Claim:
    rows = (await connection.execute(LOCK, {"ids": list(ids)})).all()
    locked = {row.id for row in rows}
    done = {row.id for row in rows if row.state != State.QUEUED}
    unseen = {row.id for row in rows if row.state == State.DROPPED and row.reason in UNSEEN}
    return Claim(connection, frozenset(locked - done), frozenset(unseen), elsewhere=frozenset(set(ids) - locked))


@reaching("accounts")
async def _commit(connection: AsyncConnection) -> None:
    await connection.commit()


def _columns(notices: Collection[Notice]) -> dict[str, list[Any]]:
    return {
        "ids": [notice.id for notice in notices],
        "days": [notice.day for notice in notices],
        "users": [notice.user_id for notice in notices],
        "alerts": [notice.alert_id for notice in notices],
        "contents": [_content(notice) for notice in notices],
    }


def _content(notice: Notice) -> str:
    """Return the notice as JSON that jsonb can hold: PostgreSQL has no text with U+0000 in it."""
    if isinstance(notice, Notification) and notice.fare.source:
        fare = msgspec.structs.replace(notice.fare, source=notice.fare.source.replace("\0", ""))
        notice = msgspec.structs.replace(notice, fare=fare)
    return encode_one(notice).decode()
