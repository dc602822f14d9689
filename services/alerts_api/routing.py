"""Every route of the API: where it is, who may go there, and under which heading it is documented."""

from typing import Final

from litestar import Router

from services.alerts_api.accounts.authentication import PUBLIC
from services.alerts_api.accounts.data_routes import DATA_ROUTES
from services.alerts_api.accounts.jwks_routes import jwks
from services.alerts_api.accounts.me import get_me
from services.alerts_api.accounts.routes import ENTRY_ROUTES, PASSWORD_ROUTES
from services.alerts_api.alerts.routes import ALERT_ROUTES
from services.alerts_api.devices.routes import DEVICE_ROUTES
from services.alerts_api.fares.routes import FARE_ROUTES
from services.alerts_api.http.health import metrics, ready
from services.alerts_api.http.limiting import UNLIMITED
from services.alerts_api.http.openapi import BEARER_ONLY
from services.alerts_api.http.options import with_options
from services.alerts_api.notifications.routes import NOTIFICATION_ROUTES
from services.alerts_api.preferences.routes import PREFERENCE_ROUTES
from shared.http.liveness import live

_WITH_A_TOKEN: Final = {
    "accounts": [get_me, *PASSWORD_ROUTES, *DATA_ROUTES],
    "preferences": PREFERENCE_ROUTES,
    "devices": DEVICE_ROUTES,
    "alerts": ALERT_ROUTES,
    "notifications": NOTIFICATION_ROUTES,
    "fares": FARE_ROUTES,
}


def routers() -> list[Router]:
    """All routers, in the order in which the OpenAPI document shows them."""
    return [
        Router("/api/auth", route_handlers=ENTRY_ROUTES, opt=PUBLIC, tags=["accounts"]),
        *(_with_a_token(heading) for heading in _WITH_A_TOKEN),
        Router("/", route_handlers=[jwks], opt=PUBLIC, tags=["accounts"]),
        Router("/", route_handlers=[live, ready, metrics], opt=PUBLIC | UNLIMITED, tags=["health"]),
    ]


def _with_a_token(heading: str) -> Router:
    routes = with_options(_WITH_A_TOKEN[heading])
    return Router("/api", route_handlers=routes, security=BEARER_ONLY, tags=[heading])
