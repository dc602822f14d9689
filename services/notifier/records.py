"""Notifications as they stand in the accounts database: found, recorded, ruled on; one statement per batch and step."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier.deciding.ruling import Ruling
from services.notifier.states import Record, State
from shared.databases import reaching
from shared.messages.notifications import Notice, Notification, encode_one

# A firing that is repeated after a rollback has its old id and a new instant, perhaps on another day and so in
# another partition: it is looked up over the days around its own, as many as a claim is ever repeated after. (An
# expiry may be repeated after weeks, but always has the same day.)
# Rows that somebody else holds are passed over, so nobody waits and nobody deadlocks; what else is read of a row
# is read with its lock, for it may have changed just before. One by one, by OFFSET 0: as a set the planner would
# read whole days, which it takes for small where it has no statistics of them yet.
FIND: Final = text("""
    SELECT standing.id AS standing, locked.*
    FROM unnest(CAST(:ids AS uuid[])) AS wanted (id)
    CROSS JOIN LATERAL (
        SELECT id, fired_on FROM notifications
        WHERE id = wanted.id AND fired_on BETWEEN CAST(:first AS date) - 3 AND CAST(:last AS date) + 3
        OFFSET 0
    ) AS standing
    LEFT JOIN LATERAL (
        SELECT id, fired_on, state, reason, release_at, tries, first_tried_at, retry_at, reached FROM notifications
        WHERE fired_on = standing.fired_on AND id = standing.id
        FOR NO KEY UPDATE SKIP LOCKED
    ) AS locked ON true
""")

RECORD: Final = text("""
    INSERT INTO notifications (
        id, fired_on, user_id, alert_id, content, state, reason, release_at, sender, recorded_at, updated_at
    )
    SELECT id, fired_on, user_id, alert_id, CAST(content AS jsonb), state, nullif(reason, ''), release_at,
        CASE state WHEN 'sending' THEN CAST(:sender AS uuid) END, CAST(:now AS timestamptz), CAST(:now AS timestamptz)
    FROM unnest(
        CAST(:ids AS uuid[]), CAST(:days AS date[]), CAST(:users AS uuid[]), CAST(:alerts AS uuid[]),
        CAST(:contents AS text[]), CAST(:states AS text[]), CAST(:reasons AS text[]), CAST(:releases AS timestamptz[])
    ) AS new (id, fired_on, user_id, alert_id, content, state, reason, release_at)
""")

# What failed before is tried again from the beginning, but for the devices that have it.
RULE: Final = text("""
    UPDATE notifications
    SET state = ruled.state, reason = nullif(ruled.reason, ''), updated_at = CAST(:now AS timestamptz),
        release_at = coalesce(ruled.release_at, notifications.release_at),
        sender = CASE ruled.state WHEN 'sending' THEN CAST(:sender AS uuid) END,
        sent_at = CASE ruled.state WHEN 'sent' THEN CAST(:now AS timestamptz) ELSE notifications.sent_at END,
        tries = CASE notifications.state WHEN 'failed' THEN 0 ELSE notifications.tries END,
        first_tried_at = CASE WHEN notifications.state <> 'failed' THEN notifications.first_tried_at END
    FROM unnest(
        CAST(:ids AS uuid[]), CAST(:days AS date[]), CAST(:states AS text[]), CAST(:reasons AS text[]),
        CAST(:releases AS timestamptz[])
    ) AS ruled (id, fired_on, state, reason, release_at)
    WHERE notifications.fired_on = ANY(CAST(:days AS date[]))
        AND notifications.fired_on = ruled.fired_on AND notifications.id = ruled.id
""")


# Still this batch's: nobody has taken it over, and no app has reported of it.
CLAIM: Final = text("""
    SELECT id, fired_on, state, reason, release_at, tries, first_tried_at, retry_at, reached FROM notifications
    WHERE fired_on = ANY(CAST(:days AS date[])) AND id = ANY(CAST(:ids AS uuid[]))
        AND state = 'sending' AND sender = :sender
    FOR NO KEY UPDATE SKIP LOCKED
""")

CONCLUDE: Final = text("""
    UPDATE notifications
    SET state = done.state, reason = nullif(done.reason, ''), updated_at = CAST(:now AS timestamptz), sender = NULL,
        sent_at = CASE done.state WHEN 'sent' THEN CAST(:now AS timestamptz) END,
        told_with = CASE done.state WHEN 'sent' THEN done.told_with END,
        tries = done.tries, first_tried_at = done.first_tried_at, retry_at = done.retry_at,
        reached = CAST(done.reached AS uuid[])
    FROM unnest(
        CAST(:ids AS uuid[]), CAST(:days AS date[]), CAST(:states AS text[]), CAST(:reasons AS text[]),
        CAST(:tries AS smallint[]), CAST(:first_tries AS timestamptz[]), CAST(:retries AS timestamptz[]),
        CAST(:reached AS text[]), CAST(:leaders AS uuid[])
    ) AS done (id, fired_on, state, reason, tries, first_tried_at, retry_at, reached, told_with)
    WHERE notifications.fired_on = ANY(CAST(:days AS date[]))
        AND notifications.fired_on = done.fired_on AND notifications.id = done.id
""")


@reaching("accounts")
async def find(connection: AsyncConnection, notices: Collection[Notice]) -> dict[UUID, Record | None]:
    """Find and lock the rows of these notices, as many as have one; None for a row that is in hand elsewhere."""
    days = [notice.day for notice in notices]
    wanted = {"ids": [notice.id for notice in notices], "first": min(days), "last": max(days)}
    rows = await connection.execute(FIND, wanted)
    return {row.standing: _record(row) if row.id else None for row in rows}


@reaching("accounts")
async def write(
    connection: AsyncConnection,
    notices: Mapping[UUID, Notice],
    standing: Mapping[UUID, Record | None],
    rulings: Mapping[UUID, Ruling],
    sender: UUID,
    now: datetime,
) -> None:
    """Write rulings on these notices down, as new rows where none stands yet; what is to be sent is the sender's."""
    by = {"sender": sender, "now": now}
    if new := [id_ for id_ in rulings if id_ not in standing]:
        await connection.execute(RECORD, _contents([notices[id_] for id_ in new]) | _columns(rulings, new) | by)
    if old := [record for id_ in rulings if (record := standing.get(id_))]:
        columns = _columns(rulings, [record.id for record in old])
        await connection.execute(RULE, {"days": [record.fired_on for record in old]} | columns | by)


@reaching("accounts")
async def claim(
    connection: AsyncConnection, ids: Collection[UUID], days: Collection[date], sender: UUID
) -> dict[UUID, Record]:
    """Lock those of these notifications, filed under these days, that this sender is still to send."""
    rows = await connection.execute(CLAIM, {"ids": list(ids), "days": list(days), "sender": sender})
    return {row.id: _record(row) for row in rows}


@reaching("accounts")
async def conclude(
    connection: AsyncConnection, concluded: Sequence[Record], leaders: Mapping[UUID, UUID], now: datetime
) -> None:
    """Write down how notifications stand after a try; `leaders` are of those told in a digest."""
    columns = {
        "ids": [record.id for record in concluded],
        "days": [record.fired_on for record in concluded],
        "states": [record.state.value for record in concluded],
        "reasons": [record.reason for record in concluded],
        "tries": [record.tries for record in concluded],
        "first_tries": [record.first_tried_at for record in concluded],
        "retries": [record.retry_at for record in concluded],
        # An array of arrays would be one array to unnest.
        "reached": ["{" + ",".join(map(str, record.reached)) + "}" for record in concluded],
        "leaders": [leaders.get(record.id) for record in concluded],
    }
    await connection.execute(CONCLUDE, columns | {"now": now})


def _record(row: Any) -> Record:  # noqa: ANN401  # a row of any statement that selects these columns
    return Record(
        id=row.id,
        fired_on=row.fired_on,
        state=State(row.state),
        reason=row.reason or "",
        release_at=row.release_at,
        tries=row.tries,
        first_tried_at=row.first_tried_at,
        retry_at=row.retry_at,
        reached=frozenset(row.reached),
    )


def _contents(notices: Sequence[Notice]) -> dict[str, list[Any]]:
    return {
        "days": [notice.day for notice in notices],
        "users": [notice.user_id for notice in notices],
        "alerts": [notice.alert_id for notice in notices],
        "contents": [_content(notice) for notice in notices],
    }


def _columns(rulings: Mapping[UUID, Ruling], ids: list[UUID]) -> dict[str, list[Any]]:
    return {
        "ids": ids,
        "states": [rulings[id_].state.value for id_ in ids],
        "reasons": [rulings[id_].reason for id_ in ids],
        "releases": [rulings[id_].release_at for id_ in ids],
    }


def _content(notice: Notice) -> str:
    """Return the notice as JSON that jsonb can hold: PostgreSQL has no text with U+0000 in it."""
    if isinstance(notice, Notification) and notice.fare.source:
        fare = msgspec.structs.replace(notice.fare, source=notice.fare.source.replace("\0", ""))
        notice = msgspec.structs.replace(notice, fare=fare)
    return encode_one(notice).decode()
