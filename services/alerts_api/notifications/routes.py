"""Listing one's notifications, asking why they came, and reporting what became of them."""

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.exceptions import NotFoundException
from litestar.openapi.spec import Example
from litestar.params import BodyKwarg, FromPath, QueryParameter
from msgspec import Struct

from services.alerts_api.http.cursors import cursor_at, position_at
from services.alerts_api.http.problems import NOT_FOUND, PROBLEMS, FieldProblem
from services.alerts_api.notifications.causes import Causes
from services.alerts_api.notifications.receipts import LEEWAY, Reported, bounded, read
from services.alerts_api.notifications.resources import (
    NotificationPage,
    NotificationWithCause,
    ReadAll,
    Receipts,
    State,
)
from services.alerts_api.notifications.rows import notice_of, notification_of, with_cause
from services.alerts_api.notifications.store import Filters, NotificationsStore, Position

_RECEIPTS_EXAMPLE = {
    "receipts": [
        {"id": "5f1f6f0e-6f5c-5b0e-9a53-0a5b8f1f6a11", "event": "delivered", "at": "2026-11-01T06:00:07Z"},
        {"id": "5f1f6f0e-6f5c-5b0e-9a53-0a5b8f1f6a11", "event": "opened", "at": "2026-11-01T06:03:41Z"},
    ]
}
_READ_ALL_EXAMPLE = {"until": "2026-11-01T06:03:41Z"}

_Receipts = Annotated[
    Receipts, BodyKwarg(media_type=RequestEncodingType.JSON, examples=[Example(value=_RECEIPTS_EXAMPLE)])
]
_ReadAll = Annotated[
    ReadAll, BodyKwarg(media_type=RequestEncodingType.JSON, examples=[Example(value=_READ_ALL_EXAMPLE)])
]

_UNKNOWN = "you have no such notification"


class ReceiptsOutcome(Struct, frozen=True):
    """How many receipts were taken in, and how many are of notifications that the traveller does not have.

    `refused` names the others; there is no use in sending them again.
    """

    applied: int
    ignored: int
    refused: list[FieldProblem]


@get("/notifications", responses=PROBLEMS)
async def list_notifications(
    user_id: NamedDependency[UUID],
    notifications: NamedDependency[NotificationsStore],
    count: Annotated[int, QueryParameter(ge=1, le=100, description="how many to give at most")] = 20,
    cursor: Annotated[
        str | None, QueryParameter(max_length=256, description="`next_cursor` of the page before")
    ] = None,
    in_state: Annotated[State | None, QueryParameter(name="state", description="only those in this state")] = None,
    alert_id: Annotated[UUID | None, QueryParameter(description="only those of this alert")] = None,
    unread: Annotated[bool | None, QueryParameter(description="only those not read yet, or only those read")] = None,
) -> NotificationPage:
    """List what one was told, and what was kept back and why, newest first."""
    after = position_at(user_id, cursor, Position) if cursor is not None else None
    rows = await notifications.page(user_id, Filters(in_state, alert_id, unread), after, count + 1)
    page = [notification_of(row) for row in rows[:count]]
    more = cursor_at(user_id, Position(page[-1].recorded_at, page[-1].id)) if len(rows) > count else None
    return NotificationPage(page, more)


@get("/notifications/{notification_id:uuid}", responses=PROBLEMS | NOT_FOUND)
async def get_notification(
    notification_id: FromPath[UUID],
    user_id: NamedDependency[UUID],
    notifications: NamedDependency[NotificationsStore],
    causes: NamedDependency[Causes],
) -> NotificationWithCause:
    """See why one was told, or not: the fare, its previous price, the rule, and when what happened."""
    row = await notifications.find(user_id, notification_id)
    if row is None:
        raise NotFoundException(_UNKNOWN)
    return with_cause(row, await causes.of(notice_of(row)))


@post("/notifications/receipts", status_code=200, responses=PROBLEMS)
async def take_receipts(
    data: _Receipts,
    user_id: NamedDependency[UUID],
    notifications: NamedDependency[NotificationsStore],
    now: NamedDependency[datetime],
) -> ReceiptsOutcome:
    """Report what was delivered, opened and read on a device.

    Receipts may come late, twice and in any order. 503 is answered also when one of them is of a notification still
    being sent: send them all again.
    """
    reading = read(data.receipts, now)
    own = await notifications.report(user_id, reading.reported)
    applied = sum(id_ in own for id_ in reading.believed)
    ahead = f"is more than {LEEWAY.seconds // 60} minutes ahead of our clock"
    refused = [FieldProblem(f"receipts[{position}].at", ahead) for position in reading.refused]
    return ReceiptsOutcome(applied, len(reading.believed) - applied, refused)


@post("/notifications/{notification_id:uuid}/read", status_code=204, responses=PROBLEMS | NOT_FOUND)
async def read_notification(
    notification_id: FromPath[UUID],
    user_id: NamedDependency[UUID],
    notifications: NamedDependency[NotificationsStore],
    now: NamedDependency[datetime],
) -> None:
    """Mark a notification as read."""
    if not await notifications.report(user_id, {notification_id: Reported(read_at=now)}):
        raise NotFoundException(_UNKNOWN)


@post("/notifications/read-all", status_code=204, responses=PROBLEMS)
async def read_notifications(
    data: _ReadAll,
    user_id: NamedDependency[UUID],
    notifications: NamedDependency[NotificationsStore],
    now: NamedDependency[datetime],
) -> None:
    """Mark as read what had come in by the time that the traveller last looked."""
    await notifications.read_all(user_id, bounded(data.until, now), now)


NOTIFICATION_ROUTES: Final = [
    list_notifications,
    get_notification,
    take_receipts,
    read_notification,
    read_notifications,
]
