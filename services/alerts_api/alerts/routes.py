"""Making, listing, changing, pausing and deleting alerts."""

from datetime import datetime
from functools import partial
from typing import Annotated, Any, Final, TypeVar, cast
from uuid import UUID

from litestar import Response, delete, get, patch, post, put
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency
from litestar.enums import MediaType, RequestEncodingType
from litestar.openapi import ResponseSpec
from litestar.openapi.spec import Example
from litestar.params import BodyKwarg, FromPath, HeaderParameter, QueryParameter

from services.alerts_api.alerts.best_fares import WriteReplies
from services.alerts_api.alerts.creation import AlertCreator
from services.alerts_api.alerts.edits import AlertEditor
from services.alerts_api.alerts.listing import Listing, OrderBy, PageEnd, SortBy
from services.alerts_api.alerts.patching import patched
from services.alerts_api.alerts.resources import Alert, AlertPage, AlertRequest, AlertWithBestFare, State
from services.alerts_api.alerts.store import AlertsStore
from services.alerts_api.alerts.stored import SeenAlert
from services.alerts_api.http.cursors import cursor_at, position_at
from services.alerts_api.http.etags import IfMatch, IfNoneMatch, is_known
from services.alerts_api.http.fields import InvalidFieldError
from services.alerts_api.http.problems import NOT_FOUND, NOT_MADE, OVER, PROBLEMS, STALE

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
_PATCH_EXAMPLE = {"max_stops": None, "rule": {"price": {"amount": 40000}}}
Wish = Annotated[AlertRequest, BodyKwarg(media_type=RequestEncodingType.JSON, examples=[Example(value=_EXAMPLE)])]
WishPatch = Annotated[
    dict[str, Any], BodyKwarg(media_type=RequestEncodingType.JSON, examples=[Example(value=_PATCH_EXAMPLE)])
]

ReplyT = TypeVar("ReplyT", bound=Alert)

# A page this far down reads as many alerts from every shard.
MAX_OFFSET: Final = 10_000

Key = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        # `(?!\n)` because `$` alone would let a last line break through.
        pattern=r"^[!-~]{1,255}(?!\n)$",
        description="1 to 255 visible ASCII characters: for 24 hours the same body under the same key makes one alert",
    ),
]
Cursor = Annotated[
    str | None,
    QueryParameter(max_length=1_000, description="`next_cursor` of the page before, under the same order and filters"),
]
Route = Annotated[
    str | None,
    QueryParameter(
        pattern="^[A-Z]{3}-[A-Z]{3}$", max_length=7, description="only those between these cities: `NYC-LON`"
    ),
]

_TAGGED = [ResponseHeader(name="ETag", value="", description="of the alert as it stands", documentation_only=True)]
_MADE = [*_TAGGED, ResponseHeader(name="Location", value="", description="its path", documentation_only=True)]
_READ = PROBLEMS | NOT_FOUND | {304: ResponseSpec(None, description="It is as If-None-Match says")}
_WRITE = PROBLEMS | NOT_FOUND | STALE


@post("/alerts", responses=PROBLEMS | NOT_MADE, response_headers=_MADE)
async def create_alert(
    data: Wish,
    user_id: NamedDependency[UUID],
    creator: NamedDependency[AlertCreator],
    now: NamedDependency[datetime],
    idempotency_key: Key = None,
) -> Response[AlertWithBestFare]:
    """Make an alert."""
    made = await creator.create(user_id, data, idempotency_key, now)
    headers = {"ETag": made.etag, "Location": f"/api/alerts/{made.alert_id}"}
    body = cast("AlertWithBestFare", made.body)  # as JSON already, which goes out as it is
    return Response(body, headers=headers, media_type=MediaType.JSON)


@get("/alerts", responses=PROBLEMS)
async def list_alerts(
    *,
    user_id: NamedDependency[UUID],
    alerts: NamedDependency[AlertsStore],
    count: Annotated[int, QueryParameter(ge=1, le=100, description="how many to give at most")] = 20,
    cursor: Cursor = None,
    offset: Annotated[int, QueryParameter(ge=0, le=MAX_OFFSET, description="how many to leave out first")] = 0,
    sort_by: Annotated[SortBy, QueryParameter(name="sortBy", description="what the order goes by")] = "created_at",
    order_by: Annotated[OrderBy, QueryParameter(name="orderBy", description="which way it goes")] = "desc",
    in_state: Annotated[State | None, QueryParameter(name="state", description="only alerts in this state")] = None,
    route: Route = None,
) -> AlertPage:
    """List one's own alerts, unless told otherwise the newest first.

    By cursor, no alert that stays as it is is left out or given twice, whatever is made and deleted meanwhile. An alert
    without an armed price stands above all that have one.
    """
    if cursor is not None and offset:
        raise InvalidFieldError("offset", "cannot be given together with cursor")
    listing = Listing(sort_by, order_by, in_state, route)
    after = None if cursor is None else _position(user_id, cursor, listing)
    page = await alerts.page(user_id, listing, count, offset, after)
    next_cursor = cursor_at(user_id, page.end) if page.end else None
    return AlertPage(page.total, [seen.alert for seen in page.alerts], next_cursor)


@get("/alerts/{alert_id:uuid}", responses=_READ, response_headers=_TAGGED)
async def get_alert(
    alert_id: FromPath[UUID],
    user_id: NamedDependency[UUID],
    alerts: NamedDependency[AlertsStore],
    if_none_match: IfNoneMatch = None,
) -> Response[Alert]:
    """See one alert."""
    seen = await alerts.see(user_id, alert_id)
    if is_known(if_none_match, seen.etag):
        unchanged: Response[Any] = Response(None, status_code=304, headers={"ETag": seen.etag})
        return unchanged
    return _tagged(seen.alert, seen)


@put("/alerts/{alert_id:uuid}", responses=_WRITE, response_headers=_TAGGED)
async def replace_alert(
    alert_id: FromPath[UUID],
    data: Wish,
    user_id: NamedDependency[UUID],
    edits: NamedDependency[AlertEditor],
    replies: NamedDependency[WriteReplies],
    now: NamedDependency[datetime],
    if_match: IfMatch = None,
) -> Response[AlertWithBestFare]:
    """Put another wish in the place of an alert's.

    It then waits anew, also if it was over; if it was paused it stays so. The same wish again changes nothing.
    """
    stored = await edits.edit(user_id, alert_id, lambda _: data, now, if_match)
    return _tagged(await replies.to(stored), stored)


@patch("/alerts/{alert_id:uuid}", responses=_WRITE, response_headers=_TAGGED)
async def change_alert(
    alert_id: FromPath[UUID],
    data: WishPatch,
    user_id: NamedDependency[UUID],
    edits: NamedDependency[AlertEditor],
    replies: NamedDependency[WriteReplies],
    now: NamedDependency[datetime],
    if_match: IfMatch = None,
) -> Response[AlertWithBestFare]:
    """Change a part of an alert's wish, by a JSON merge patch of it (RFC 7396).

    A rule of another kind replaces the old one. What else is said of putting another wish holds here too.
    """
    stored = await edits.edit(user_id, alert_id, partial(patched, patch=data), now, if_match)
    return _tagged(await replies.to(stored), stored)


@delete("/alerts/{alert_id:uuid}", responses=_WRITE)
async def delete_alert(
    alert_id: FromPath[UUID],
    user_id: NamedDependency[UUID],
    creator: NamedDependency[AlertCreator],
    if_match: IfMatch = None,
) -> None:
    """Delete an alert; what is still queued for it is not sent."""
    await creator.remove(user_id, alert_id, if_match)


@post("/alerts/{alert_id:uuid}/pause", status_code=200, responses=_WRITE | OVER, response_headers=_TAGGED)
async def pause_alert(
    alert_id: FromPath[UUID],
    user_id: NamedDependency[UUID],
    alerts: NamedDependency[AlertsStore],
    if_match: IfMatch = None,
) -> Response[Alert]:
    """Let an alert rest until it is resumed."""
    stored = await alerts.pause(user_id, alert_id, if_match)
    return _tagged(stored.alert, stored)


@post("/alerts/{alert_id:uuid}/resume", status_code=200, responses=_WRITE | OVER, response_headers=_TAGGED)
async def resume_alert(
    alert_id: FromPath[UUID],
    user_id: NamedDependency[UUID],
    alerts: NamedDependency[AlertsStore],
    replies: NamedDependency[WriteReplies],
    now: NamedDependency[datetime],
    if_match: IfMatch = None,
) -> Response[AlertWithBestFare]:
    """Wake an alert that rests, or that has fired and was done; it goes on at the armed price that it had."""
    stored = await alerts.resume(user_id, alert_id, now, if_match)
    return _tagged(await replies.to(stored), stored)


def _tagged(reply: ReplyT, stored: SeenAlert) -> Response[ReplyT]:
    return Response(reply, headers={"ETag": stored.etag})


def _position(user_id: UUID, cursor: str, listing: Listing) -> PageEnd:
    position = position_at(user_id, cursor, PageEnd)
    if position.listing != listing:
        raise InvalidFieldError("cursor", "comes from a list in another order, or with other filters")
    return position


ALERT_ROUTES: Final = [
    create_alert,
    list_alerts,
    get_alert,
    replace_alert,
    change_alert,
    delete_alert,
    pause_alert,
    resume_alert,
]
