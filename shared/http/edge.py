"""What goes with every answer, also where no route is found: the request's id, and headers for its safety."""

from typing import Final, cast

from litestar.types import ASGIApp, HTTPResponseStartEvent, HTTPScope, Message, Receive, Scope, Send

from shared.http.lingering import Lingering
from shared.http.request_ids import HEADER, begin_request

Header = tuple[bytes, bytes]

# An answer may bring its own in the place of each.
_DEFAULTS: Final[tuple[Header, ...]] = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)
_ONLY_HTTPS: Final[Header] = (b"strict-transport-security", b"max-age=31536000")


class Edge:
    """The outermost layer: Litestar's middleware sees only what has found a route."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = Lingering(app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and complete its answer."""
        request_id = (HEADER, begin_request(scope["headers"]))
        secured = (_ONLY_HTTPS,) if cast("HTTPScope", scope)["scheme"] == "https" else ()

        async def completing(message: Message) -> None:
            if message["type"] == "http.response.start":
                _complete(message, (request_id, *secured, *_DEFAULTS))
            await send(message)

        await self._app(scope, receive, completing)


def _complete(message: HTTPResponseStartEvent, headers: tuple[Header, ...]) -> None:
    present = {name for name, _ in message["headers"]}
    message["headers"] = [*message["headers"], *(header for header in headers if header[0] not in present)]
