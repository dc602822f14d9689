"""Counts and times every answer by its route's template, so that ids make no labels."""

from functools import cache
from time import perf_counter
from typing import cast

from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send
from prometheus_client import Counter, Histogram

from shared.metrics import HTTP_REQUESTS, HTTP_SECONDS


class Measuring(ASGIMiddleware):
    """Sees every answer of a route, refusals by its guard too."""

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Pass the request on and note what came of it."""
        begun = perf_counter()
        method, route = cast("HTTPScope", scope)["method"], scope["path_template"]

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                requests, seconds = _meters(method, route, message["status"])
                requests.inc()
                seconds.observe(perf_counter() - begun)
            await send(message)

        await next_app(scope, receive, noting)


@cache  # to look up labels takes longer than to count
def _meters(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    return HTTP_REQUESTS.labels(method, route, status), HTTP_SECONDS.labels(route)
