"""What the operations process tells over HTTP to whoever has its token. Every request shares the newest look."""

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import web
from pydantic import SecretStr

from fleet.status.findings import Severity, findings, state
from fleet.status.report import health, report
from fleet.status.snapshot import Snapshot

Handler = Callable[[web.Request], Awaitable[web.Response]]

# What is true now may be wrong for the next who asks a cache.
_NOT_STORED = {"Cache-Control": "no-store"}


@dataclass
class Newest:
    """The newest look; None before the first."""

    snapshot: Snapshot | None = None


def pages(newest: Newest, token: SecretStr) -> list[web.RouteDef]:
    """`GET /queue/status` has everything, `GET /health` whether all is well: 503 if nothing gets through."""

    async def queue_status(_: web.Request) -> web.Response:
        return _json(report(newest.snapshot)) if newest.snapshot else _starting()

    async def fleet_health(_: web.Request) -> web.Response:
        if newest.snapshot is None:
            return _starting()
        down = state(findings(newest.snapshot)) == Severity.DOWN
        return _json(health(newest.snapshot), HTTPStatus.SERVICE_UNAVAILABLE if down else HTTPStatus.OK)

    return [
        web.get("/queue/status", _guarded(queue_status, token)),
        web.get("/health", _guarded(fleet_health, token)),
    ]


def _guarded(handler: Handler, token: SecretStr) -> Handler:
    async def guarded(request: web.Request) -> web.Response:
        if _is_known(request.headers.get("Authorization", ""), token):
            return await handler(request)
        return web.Response(status=HTTPStatus.UNAUTHORIZED, headers=_NOT_STORED | {"WWW-Authenticate": "Bearer"})

    return guarded


def _is_known(authorization: str, token: SecretStr) -> bool:
    """Whether it is the token; how long this takes does not tell how much of it is right."""
    scheme, _, given = authorization.partition(" ")
    expected = token.get_secret_value().encode()
    return hmac.compare_digest(given.encode(errors="surrogateescape"), expected) and scheme.lower() == "bearer"


def _starting() -> web.Response:
    return _json(b'{"status":"starting"}', HTTPStatus.SERVICE_UNAVAILABLE)


def _json(body: bytes, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    return web.Response(body=body, status=status, content_type="application/json", headers=_NOT_STORED)
