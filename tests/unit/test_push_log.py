"""Pushes as lines of a file."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from services.notifier.digest import Digest, Item
from services.notifier.gateway import Device, Outcome, Push, Verdict
from services.notifier.push_log import PushLog
from services.notifier.rendering.rendering import Text
from shared.errors import UnavailableError
from shared.messages.notifications import Notice
from tests.sample_notices import ALERT, EXPIRY, FIRING, NOTIFICATION, NOW, USER

OF_EVERY_PUSH = {
    "notification_id": str(NOTIFICATION),
    "user_id": str(USER),
    "device": str(UUID(int=4)),
    "title": "A title",
    "body": "A body",
    "sent_at": "2026-12-01T12:00:00Z",
}
OF_AN_ALERT = OF_EVERY_PUSH | {"alert_id": str(ALERT)}
FARE = {"price": 39900, "currency": "USD", "fare": "JFK-LHR:2026-12-24:@:economy:0:USD"}


def push(told: Notice | Digest) -> Push:
    device = Device(UUID(int=4), USER, "ios", "en", "UTC", "a-secret-token", "token")
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
