"""Making, listing, changing, pausing and deleting alerts."""

from datetime import datetime
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from litestar import Response, delete, get, patch, post, put
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.openapi.spec import Example
from litestar.params import BodyKwarg, FromPath, JSONBody, QueryParameter

from services.alerts_api.alerts.best_fares import WriteReplies
from services.alerts_api.alerts.edits import AlertEditor
from services.alerts_api.alerts.patching import patched
from services.alerts_api.alerts.resources import Alert, AlertPage, AlertRequest, AlertWithBestFare
from services.alerts_api.alerts.store import AlertsStore
from services.alerts_api.http.problems import PROBLEMS, PROBLEMS_OF_ONE

_EXAMPLE = {
    "origin": "NYC",
    "destination": ["LHR", "LGW"],
    "departure_from": "2027-06-01",
    "departure_to": "2027-06-30",
    "round_trip": {"nights_min": 7, "nights_max": 14},
    "weekdays": ["fri", "sat"],
    "cabin": "economy",
    "max_stops": 1,
    "rule": {"kind": "target", "price": {"amount": 45000, "currency": "EUR"}},
}
Wish = Annotated[AlertRequest, BodyKwarg(media_type=RequestEncodingType.JSON, examples=[Example(value=_EXAMPLE)])]

# A page this far down reads as many alerts from every shard.
MAX_OFFSET = 10_000


@post("/alerts", responses=PROBLEMS)
async def create_alert(
    data: Wish,
    user_id: NamedDependency[UUID],
    alerts: NamedDependency[AlertsStore],
    replies: NamedDependency[WriteReplies],
    now: NamedDependency[datetime],
) -> Response[AlertWithBestFare]:
    """Make an alert."""
    stored = await alerts.add(user_id, data, now)
    return Response(await replies.to(stored), headers={"Location": f"/api/alerts/{stored.id}"})


@get("/alerts", responses=PROBLEMS)
async def list_alerts(
    user_id: NamedDependency[UUID],
    alerts: NamedDependency[AlertsStore],
    count: Annotated[int, QueryParameter(ge=1, le=100, description="how many to give at most")] = 20,
    offset: Annotated[int, QueryParameter(ge=0, le=MAX_OFFSET, description="how many to leave out first")] = 0,
) -> AlertPage:
    """List one's own alerts, newest first."""
    total, page = await alerts.page(user_id, count, offset)
    return AlertPage(total, [stored.alert for stored in page])


@get("/alerts/{alert_id:uuid}", responses=PROBLEMS_OF_ONE)
async def get_alert(
    alert_id: FromPath[UUID], user_id: NamedDependency[UUID], alerts: NamedDependency[AlertsStore]
) -> Alert:
    """See one alert."""
    return (await alerts.find(user_id, alert_id)).alert


@put("/alerts/{alert_id:uuid}", responses=PROBLEMS_OF_ONE)
async def replace_alert(
    alert_id: FromPath[UUID],
    data: Wish,
    user_id: NamedDependency[UUID],
    edits: NamedDependency[AlertEditor],
    replies: NamedDependency[WriteReplies],
    now: NamedDependency[datetime],
) -> AlertWithBestFare:
    """Put another wish in the place of an alert's.

    It then waits anew, also if it was over; if it was paused it stays so. The same wish again changes nothing.
    """
    return await replies.to(await edits.edit(user_id, alert_id, lambda _: data, now))


@patch("/alerts/{alert_id:uuid}", responses=PROBLEMS_OF_ONE)
async def change_alert(
    alert_id: FromPath[UUID],
    data: JSONBody[dict[str, Any]],
    user_id: NamedDependency[UUID],
    edits: NamedDependency[AlertEditor],
    replies: NamedDependency[WriteReplies],
    now: NamedDependency[datetime],
) -> AlertWithBestFare:
    """Change a part of an alert's wish, by a JSON merge patch of it (RFC 7396).

    A rule of another kind replaces the old one. What else is said of putting another wish holds here too.
    """
    return await replies.to(await edits.edit(user_id, alert_id, partial(patched, patch=data), now))


@delete("/alerts/{alert_id:uuid}", responses=PROBLEMS_OF_ONE)
async def delete_alert(
    alert_id: FromPath[UUID], user_id: NamedDependency[UUID], alerts: NamedDependency[AlertsStore]
) -> None:
    """Delete an alert; what is still queued for it is not sent."""
    await alerts.remove(user_id, alert_id)


@post("/alerts/{alert_id:uuid}/pause", status_code=200, responses=PROBLEMS_OF_ONE)
async def pause_alert(
    alert_id: FromPath[UUID], user_id: NamedDependency[UUID], alerts: NamedDependency[AlertsStore]
) -> Alert:
    """Let an alert rest until it is resumed."""
    return (await alerts.pause(user_id, alert_id)).alert


@post("/alerts/{alert_id:uuid}/resume", status_code=200, responses=PROBLEMS_OF_ONE)
async def resume_alert(
    alert_id: FromPath[UUID],
    user_id: NamedDependency[UUID],
    alerts: NamedDependency[AlertsStore],
    replies: NamedDependency[WriteReplies],
    now: NamedDependency[datetime],
) -> AlertWithBestFare:
    """Wake an alert that rests, or that has fired and was done; it goes on at the armed price that it had."""
    return await replies.to(await alerts.resume(user_id, alert_id, now))
