"""Pushes as lines of a file."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from services.notifier.gateway import Device, Outcome, Push, Verdict
from services.notifier.push_log import PushLog
from services.notifier.rendering.rendering import Text
from services.notifier.telling.digest import Digest, Item
from shared.errors import UnavailableError
from shared.messages.notifications import Expiry, Fare, Notice, Notification

NOW = datetime(2026, 10, 1, 6, tzinfo=UTC)
FIRING = Notification(
    id=UUID(int=1),
    alert_id=UUID(int=2),
    user_id=UUID(int=3),
    fire_seq=1,
    fired_at=NOW,
    route="BCN-BUD",
    fare=Fare(
        origin="BCN",
        destination="BUD",
        departure_date=date(2026, 12, 11),
        cabin="economy",
        stops=0,
        currency="EUR",
        price=8999,
        observed_at=NOW,
    ),
    reference_price=8999,
    armed_price=9000,
)
EXPIRY = Expiry(
    id=UUID(int=1),
    alert_id=UUID(int=2),
    user_id=UUID(int=3),
    revision=0,
    expired_at=NOW,
    route="BCN-BUD",
    departure_from=date(2026, 9, 1),
    departure_to=date(2026, 9, 30),
)
OF_EVERY_PUSH = {
    "notification_id": str(UUID(int=1)),
    "user_id": str(UUID(int=3)),
    "device": str(UUID(int=4)),
    "title": "A title",
    "body": "A body",
    "sent_at": "2026-10-01T06:00:00Z",
}
OF_AN_ALERT = OF_EVERY_PUSH | {"alert_id": str(UUID(int=2))}
FARE = {"price": 8999, "currency": "EUR", "fare": "BCN-BUD:2026-12-11:@:economy:0:EUR"}


def push(told: Notice | Digest) -> Push:
    device = Device(UUID(int=4), UUID(int=3), "ios", "en", "UTC", "a-secret-token", "token")
    return Push(told, device, Text("A title", "A body"))


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


async def test_each_kind_of_push_says_what_it_knows(tmp_path: Path) -> None:
    path = tmp_path / "pushes.jsonl"
    digest = Digest(FIRING.id, FIRING.user_id, (Item(FIRING, 6), Item(FIRING, 0)))
    outcomes = await PushLog(path, lambda: NOW).send([push(FIRING), push(EXPIRY), push(digest)])
    assert outcomes == [Outcome(Verdict.SENT)] * 3
    assert lines(path) == [
        OF_AN_ALERT | FARE | {"kind": "fired"},
        OF_AN_ALERT | {"kind": "expired"},
        OF_EVERY_PUSH | {"kind": "digest"},
    ]
    assert "secret" not in path.read_text()


async def test_what_stands_in_the_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "pushes.jsonl"
    for _ in range(2):  # the second comes from another process
        await PushLog(path, lambda: NOW).send([push(FIRING)])
    assert len(lines(path)) == 2


async def test_a_file_that_cannot_be_written_is_a_gateway_that_is_away(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="push_log"):
        await PushLog(tmp_path / "no folder" / "pushes.jsonl", lambda: NOW).send([push(FIRING)])
