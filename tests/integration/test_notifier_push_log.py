"""The notifier with the push log in the place of FCM: what was told to whom, a line for each push."""

import asyncio
import json
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from services.notifier.push_log import PushLog
from shared.errors import UnavailableError
from tests.integration.notifying import (
    NOW,
    accounts,
    expired,
    fired,
    handle,
    notifier,
    recorded,
    traveller,
)

__all__ = ["accounts"]


async def test_the_push_log_tells_what_was_sent_to_whom_and_keeps_the_token_to_itself(
    accounts: AsyncEngine, tmp_path: Path
) -> None:
    path = tmp_path / "pushes.jsonl"
    user = await traveller(accounts, "secret-token")
    notification = fired(user)
    await handle(notifier(accounts, PushLog(path, lambda: NOW)), notification)
    (line,) = path.read_text().splitlines()
    logged = json.loads(line)
    device = logged.pop("device")
    assert logged == {
        "kind": "fired",
        "notification_id": str(notification.id),
        "alert_id": str(notification.alert_id),
        "user_id": str(user),
        "title": "Barcelona → Budapest ab 89,99\xa0€",
        "body": "Vorher 109,99\xa0€, jetzt 89,99\xa0€ (-18\xa0%) am Fr., 11. Dez., nonstop.",
        "price": 8999,
        "currency": "EUR",
        "fare": "BCN-BUD:2026-12-11:@:economy:0:EUR",
        "sent_at": "2026-10-01T23:59:00Z",
    }
    assert UUID(device)
    assert "secret-token" not in line


async def test_the_push_log_tells_of_an_expiry_without_a_fare(accounts: AsyncEngine, tmp_path: Path) -> None:
    path = tmp_path / "pushes.jsonl"
    notice = expired(await traveller(accounts, "phone"))
    await handle(notifier(accounts, PushLog(path, lambda: NOW)), notice)
    logged = json.loads(path.read_text())
    assert UUID(logged.pop("device"))
    assert logged == {
        "kind": "expired",
        "notification_id": str(notice.id),
        "alert_id": str(notice.alert_id),
        "user_id": str(notice.user_id),
        "title": "Dein Preisalarm Barcelona → Budapest ist beendet",
        "body": "Die beobachteten Abflugtage, 18.–30. Sept., sind vorbei.",  # noqa: RUF001  # German has a dash there
        "sent_at": "2026-10-01T23:59:00Z",
    }


async def test_notifiers_that_share_a_push_log_write_whole_lines(accounts: AsyncEngine, tmp_path: Path) -> None:
    path = tmp_path / "pushes.jsonl"
    user = await traveller(accounts, "phone")
    batches = [[fired(user) for _ in range(50)] for _ in range(4)]
    handlers = [notifier(accounts, PushLog(path, lambda: NOW)) for _ in batches]
    await asyncio.gather(*(handle(handler, *batch) for handler, batch in zip(handlers, batches, strict=True)))
    logged = [json.loads(line)["notification_id"] for line in path.read_text().splitlines()]
    assert sorted(logged) == sorted(str(one.id) for batch in batches for one in batch)


async def test_a_push_log_that_cannot_be_written_keeps_the_batch_in_hand(accounts: AsyncEngine, tmp_path: Path) -> None:
    log = PushLog(tmp_path / "no folder" / "pushes.jsonl", lambda: NOW)
    notification = fired(await traveller(accounts, "phone"))
    with pytest.raises(UnavailableError, match="push_log"):
        await handle(notifier(accounts, log), notification)
    assert await recorded(accounts, notification) == [("sending", None)]
