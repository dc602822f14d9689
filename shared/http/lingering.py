"""Reads what a client still sends of a body that has been refused, so that it gets to read why.

A connection that is closed on unread bytes is reset: the client would lose the answer, and try again.
"""

import asyncio
from contextlib import suppress
from typing import Final, cast

from litestar.types import ASGIApp, HTTPReceiveMessage, HTTPScope, Message, Receive, Scope, Send

# Whoever sends more, or slower, is cut off.
_MOST_BYTES: Final = 16 * 1024 * 1024
_DEADLINE_S: Final = 2.0
_BODILESS: Final = {"GET", "HEAD", "OPTIONS"}
_FIRST_ERROR: Final = 400


class Lingering:
    """Lets a refused body come to its end before the refusal goes out."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and keep count of what the application has read of its body."""
        if cast("HTTPScope", scope)["method"] in _BODILESS:
            await self._app(scope, receive, send)
            return
        body = _Body(receive)

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] >= _FIRST_ERROR:
                await body.drain()
            await send(message)

        await self._app(scope, body.receive, sending)


class _Body:
    """A request's body on its way to the application."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._bytes = 0
        self._ended = False

    async def receive(self) -> HTTPReceiveMessage:
        message = cast("HTTPReceiveMessage", await self._receive())
        if message["type"] == "http.request":
            self._bytes += len(message.get("body", b""))
            self._ended = not message.get("more_body", False)
        else:
            self._ended = True
        return message

    async def drain(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_DEADLINE_S):
                while not self._ended and self._bytes <= _MOST_BYTES:
                    await self.receive()
