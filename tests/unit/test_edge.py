"""What goes with every answer of the alerts API, and whose word is taken for where a request came from."""

from typing import Any

import pytest
from litestar.types import ASGIApp, HTTPReceiveMessage, Message, Receive, Scope, Send
from pydantic import IPvAnyNetwork, ValidationError
from structlog.contextvars import get_contextvars

from services.alerts_api.http.edge import at_the_edge
from services.alerts_api.http.settings import EdgeSettings

PROXY = "10.0.0.1"
FROM_PHONE = (b"x-forwarded-for", b"203.0.113.1")
BY_HTTPS = (b"x-forwarded-proto", b"https")


class Application:
    """Answers with these headers, and keeps what it was asked."""

    def __init__(self, *headers: tuple[bytes, bytes]) -> None:
        self.headers = headers
        self.scope: Any = None
        self.request_id = ""

    async def __call__(self, scope: Scope, _: Receive, send: Send) -> None:
        self.scope = scope
        self.request_id = get_contextvars()["request_id"]
        await send({"type": "http.response.start", "status": 200, "headers": self.headers})


async def asked(application: ASGIApp, *headers: tuple[bytes, bytes], client: str = PROXY) -> dict[bytes, bytes]:
    """The headers of the answer to a request with these."""
    sent: list[tuple[bytes, bytes]] = []

    async def receive() -> HTTPReceiveMessage:
        raise AssertionError("nobody reads the body here")

    async def send(message: Message) -> None:
        assert message["type"] == "http.response.start"
        sent.extend(message["headers"])

    scope: Any = {"type": "http", "method": "GET", "scheme": "http", "client": (client, 1), "headers": list(headers)}
    await at_the_edge(application, _networks("10.0.0.0/8"))(scope, receive, send)
    assert len(dict(sent)) == len(sent), "a header twice"
    return dict(sent)


def _networks(text: str) -> list[IPvAnyNetwork]:
    return EdgeSettings.model_validate({"trusted_proxies": text}).trusted_proxies


async def test_every_answer_has_the_headers_for_its_safety() -> None:
    headers = await asked(Application())
    assert headers[b"cache-control"] == b"no-store"
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert headers[b"referrer-policy"] == b"no-referrer"
    assert headers[b"content-security-policy"] == b"default-src 'none'; frame-ancestors 'none'"
    assert b"strict-transport-security" not in headers


async def test_an_answer_may_say_otherwise() -> None:
    headers = await asked(Application((b"cache-control", b"max-age=300"), (b"content-security-policy", b"none")))
    assert headers[b"cache-control"] == b"max-age=300"
    assert headers[b"content-security-policy"] == b"none"


@pytest.mark.parametrize("given", [b"a", b"9f8b-7c_.~Z", b"x" * 64])
async def test_a_request_keeps_the_id_that_it_came_with(given: bytes) -> None:
    application = Application()
    assert (await asked(application, (b"x-request-id", given)))[b"x-request-id"] == given
    assert application.request_id == given.decode()


@pytest.mark.parametrize("given", [b"", b"x" * 65, b"a b", b"a\n", b"\xff", b'{"a":1}', b"<script>"])
async def test_an_id_that_could_be_taken_for_more_is_replaced(given: bytes) -> None:
    application = Application()
    made = (await asked(application, (b"x-request-id", given)))[b"x-request-id"]
    assert made != given
    assert len(made) == 32
    assert application.request_id == made.decode()


async def test_two_requests_have_two_ids() -> None:
    application = Application()
    assert await asked(application) != await asked(application)


async def test_a_trusted_proxy_says_where_a_request_came_from_and_how() -> None:
    application = Application()
    headers = await asked(application, FROM_PHONE, BY_HTTPS)
    assert application.scope["client"][0] == "203.0.113.1"
    assert application.scope["scheme"] == "https"
    assert headers[b"strict-transport-security"] == b"max-age=31536000"


async def test_nobody_else_does() -> None:
    application = Application()
    headers = await asked(application, FROM_PHONE, BY_HTTPS, client="192.0.2.1")
    assert application.scope["client"][0] == "192.0.2.1"
    assert b"strict-transport-security" not in headers


@pytest.mark.parametrize("networks", ["10.0.0.1/8", "balancer", "*"])
def test_networks_of_proxies_must_be_networks(networks: str) -> None:
    with pytest.raises(ValidationError, match="trusted_proxies"):
        _networks(networks)


@pytest.mark.parametrize("origin", ["*", "null", "https://*.example.com", "https://a.example.com/", "a.example.com"])
def test_origins_that_are_not_single_ones_are_refused(origin: str) -> None:
    with pytest.raises(ValidationError, match="cors_origins"):
        EdgeSettings.model_validate({"cors_origins": origin})
