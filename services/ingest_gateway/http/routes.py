"""The routes of the door."""

from typing import Final, cast

from litestar import asgi, get
from litestar.exceptions import MethodNotAllowedException
from litestar.handlers import ASGIRouteHandler, HTTPRouteHandler
from litestar.types import HTTPScope, Receive, Scope, Send
from msgspec import json

from services.ingest_gateway.http.door import Door
from services.ingest_gateway.http.problems import NOT_READY
from services.ingest_gateway.http.receipts import Receipt
from services.ingest_gateway.intake.intake import Intake
from shared.errors import UnavailableError
from shared.http.liveness import Alive

FARES: Final = "/v1/fares"

_STATUSES: Final = {"queue": 202, "spool": 201}
_JSON: Final = (b"content-type", b"application/json")
_encode: Final = json.Encoder().encode


def push_route(door: Door) -> ASGIRouteHandler:
    """The route that takes fares. It is bare ASGI: with requests and answers of Litestar's each fare cost half more."""

    @asgi(FARES, copy_scope=False)
    async def push_fares(scope: Scope, receive: Receive, send: Send) -> None:
        request = cast("HTTPScope", scope)
        if request["method"] != "POST":
            raise MethodNotAllowedException(headers={"Allow": "POST"})
        await _send(send, await door.push(request, receive))

    return push_fares


def ready_route(intake: Intake) -> HTTPRouteHandler:
    """The route that says whether to send fares here."""

    @get("/health/ready", responses=NOT_READY, tags=["health"])
    async def ready() -> Alive:
        """Say whether fares would find a place: in RabbitMQ or in the spool."""
        if not intake.open:
            raise UnavailableError("intake", "neither RabbitMQ nor the spool takes fares")
        return Alive()

    return ready


async def _send(send: Send, receipt: Receipt) -> None:
    body = _encode(receipt)
    headers = [_JSON, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": _STATUSES[receipt.stored], "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
