"""Making alerts and listing them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, QueryParameter
from msgspec import Struct

from services.alerts_api.alerts import Alert, AlertRequest, plan
from services.alerts_api.alerts_store import AlertsStore
from services.alerts_api.problems import PROBLEMS
from shared.money import Rates

# A page this far down reads as many alerts from every shard.
MAX_OFFSET = 10_000


class AlertPage(Struct, frozen=True):
    """Some of a traveller's alerts, newest first, and how many there are in all."""

    total: int
    resources: list[Alert]


@post("/alerts", responses=PROBLEMS)
async def create_alert(
    data: JSONBody[AlertRequest],
    user_id: NamedDependency[UUID],
    alerts: NamedDependency[AlertsStore],
    rates: NamedDependency[Rates],
    now: NamedDependency[datetime],
) -> Response[Alert]:
    """Make an alert for one-way fares."""
    alert = await alerts.add(user_id, data, plan(data, rates, now))
    return Response(alert, headers={"Location": f"/api/alerts/{alert.id}"})


@get("/alerts", responses=PROBLEMS)
async def list_alerts(
    user_id: NamedDependency[UUID],
    alerts: NamedDependency[AlertsStore],
    count: Annotated[int, QueryParameter(ge=1, le=100, description="how many to give at most")] = 20,
    offset: Annotated[int, QueryParameter(ge=0, le=MAX_OFFSET, description="how many to leave out first")] = 0,
) -> AlertPage:
    """List one's own alerts, newest first."""
    return AlertPage(*await alerts.page(user_id, count, offset))
