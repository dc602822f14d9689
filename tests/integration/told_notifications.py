"""Notifications as the notifier has written them down, and what a traveller's app sees and reports of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from httpx import Response
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.databases import open_engine
from shared.messages.notifications import Notice, Notification, encode_one
from shared.schema.accounts import notifications
from tests.integration.notifying import fired
from tests.integration.running_api import RunningApi, Traveller

PATH = "/api/notifications"
# The clock that the API goes by, and notifications that came one a minute before.
NOW = datetime.now(UTC).replace(microsecond=0)
EARLIER = NOW - timedelta(hours=5)


@asynccontextmanager
async def accounts_of(api: RunningApi) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(api.settings.accounts_url, application="tests", pool_size=2)
    try:
        yield engine
    finally:
        await engine.dispose()


def record(api: RunningApi, *notices: Notice, **columns: object) -> list[str]:
    """Write notices down as the notifier does, the first a minute before the second; gives their ids."""

    async def write() -> None:
        async with accounts_of(api) as engine, engine.begin() as connection:
            for minute, notice in enumerate(notices):
                row = {
                    "id": notice.id,
                    "fired_on": notice.day,
                    "user_id": notice.user_id,
                    "alert_id": notice.alert_id,
                    "content": msgspec.json.decode(encode_one(notice)),
                    "state": "sent",
                    "recorded_at": EARLIER + timedelta(minutes=minute),
                }
                await connection.execute(insert(notifications).values(row | columns))

    asyncio.run(write())
    return [str(notice.id) for notice in notices]


def firing(traveller: Traveller, **changes: object) -> Notification:
    """A firing of an alert of theirs, from a source that says no more than it must."""
    notice = fired(UUID(traveller.id), at=EARLIER)
    return msgspec.structs.replace(notice, fare=msgspec.structs.replace(notice.fare, source=None), **changes)


def told(api: RunningApi, traveller: Traveller, **columns: object) -> str:
    """The id of a new notification of theirs."""
    (id_,) = record(api, firing(traveller), **columns)
    return id_


def at(after: timedelta) -> str:
    return (EARLIER + after).isoformat()


def receipt(id_: str, event: str, minutes: float = 1) -> dict[str, str]:
    return {"id": id_, "event": event, "at": at(timedelta(minutes=minutes))}


def report(traveller: Traveller, *receipts: dict[str, str]) -> dict[str, Any]:
    answer = traveller.post(f"{PATH}/receipts", {"receipts": receipts})
    assert answer.status_code == 200, answer.text
    outcome: dict[str, Any] = answer.json()
    return outcome


def page(answer: Response) -> tuple[list[str], str | None]:
    """The ids on a page of notifications, and the cursor of the next."""
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return [one["id"] for one in body["resources"]], body["next_cursor"]


def seen(traveller: Traveller, id_: str) -> dict[str, Any]:
    answer = traveller.get(f"{PATH}/{id_}")
    assert answer.status_code == 200, answer.text
    notification: dict[str, Any] = answer.json()
    return notification


def utc(instant: str | None) -> datetime | None:
    return datetime.fromisoformat(instant) if instant else None
