"""Bodies that were refused come to their end before the refusal goes out."""

from collections.abc import Sequence
from typing import Any

import pytest
from litestar.types import ASGIApp, HTTPReceiveMessage, Message, Receive, Scope, Send

from shared.http.lingering import Lingering

MEGABYTE = b" " * 1024 * 1024


class Client:
    """Sends these parts of a body and notes in which order things happen."""

    def __init__(self, parts: Sequence[bytes]) -> None:
        self.parts = list(parts)
        self.events: list[str] = []

    async def receive(self) -> HTTPReceiveMessage:
        assert self.parts, "whoever reads on after the end of a body waits for ever"
        self.events.append("read")
        return {"type": "http.request", "body": self.parts.pop(0), "more_body": bool(self.parts)}

    async def send(self, message: Message) -> None:
        self.events.append(message["type"])


def answering(status: int, *, after: int = 0) -> ASGIApp:
    async def application(_: Scope, receive: Receive, send: Send) -> None:
        for _part in range(after):
            await receive()
        await send({"type": "http.response.start", "status": status, "headers": []})

    return application


async def events(client: Client, application: ASGIApp, method: str = "POST") -> list[str]:
    scope: Any = {"type": "http", "method": method}
    await Lingering(application)(scope, client.receive, client.send)
    return client.events


@pytest.mark.parametrize("read", [0, 1, 3])
async def test_a_refusal_waits_for_the_end_of_the_body(read: int) -> None:
    client = Client([b"one", b"two", b"three"])
    assert await events(client, answering(413, after=read)) == ["read", "read", "read", "http.response.start"]


async def test_an_answer_that_is_no_refusal_does_not_wait() -> None:
    assert await events(Client([b"one", b"two"]), answering(200)) == ["http.response.start"]


async def test_a_request_that_has_no_body_is_not_asked_for_one() -> None:
    assert await events(Client([]), answering(404), "GET") == ["http.response.start"]


async def test_nobody_is_listened_to_for_ever() -> None:
    client = Client([MEGABYTE] * 40)
    assert (await events(client, answering(413))).count("read") == 17


async def test_who_hangs_up_is_not_waited_for() -> None:
    async def hang_up() -> HTTPReceiveMessage:
        return {"type": "http.disconnect"}

    client = Client([])
    client.receive = hang_up  # type: ignore[method-assign]  # the only difference
    assert await events(client, answering(413)) == ["http.response.start"]
