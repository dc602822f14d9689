"""What the stand-in answers: FCM and the token endpoint to senders, and orders below `/control` to whoever runs it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs

import msgspec
from granian.rsgi import HTTPProtocol, Scope  # type: ignore[attr-defined]  # granian does not list what it exports

from fleet.fcm_stand_in import answers, messages
from fleet.fcm_stand_in.account import JWT_BEARER, PROJECT, TOKEN_PATH, Account, GrantError
from fleet.fcm_stand_in.answers import Answer, Script
from fleet.fcm_stand_in.control import Counters, Order, TokenEndpoint
from fleet.fcm_stand_in.cutting import cut
from fleet.fcm_stand_in.messages import Message
from fleet.fcm_stand_in.record import Entry, Record

SEND_PATH: Final = f"/v1/projects/{PROJECT}/messages:send"
_BEARER: Final = "Bearer "


class Application:
    """An RSGI application.

    Args:
        account: who may send.
        record: where messages are written down, if anywhere.
    """

    def __init__(self, account: Account, record: Record | None) -> None:
        self._account = account
        self._record = record
        self._script = Script()
        self._latency = 0.0
        self._token_endpoint = TokenEndpoint()
        self._counters = Counters()
        self._routes: dict[tuple[str, str], Callable[[Scope, bytes], Awaitable[Answer]]] = {
            ("POST", SEND_PATH): self._send,
            ("POST", TOKEN_PATH): self._exchange,
            ("PUT", "/control/answers"): self._order,
            ("PUT", "/control/latency"): self._set_latency,
            ("PUT", "/control/token-endpoint"): self._set_token_endpoint,
            ("GET", "/control/counters"): self._count,
        }

    async def __rsgi__(self, scope: Scope, protocol: HTTPProtocol) -> None:
        """Answer one request."""
        body = await protocol()
        handle = self._routes.get((scope.method, scope.path))
        answer = await handle(scope, body) if handle else answers.not_found(scope.path)
        if answer.cut:
            cut(scope.client)
        elif isinstance(answer.body, str):
            protocol.response_str(answer.status, _headers(answer, "text/html; charset=UTF-8"), answer.body)
        else:
            json = msgspec.json.encode(answer.body)
            protocol.response_bytes(answer.status, _headers(answer, "application/json; charset=UTF-8"), json)

    async def _send(self, scope: Scope, body: bytes) -> Answer:
        self._counters.messages += 1
        try:
            message = messages.read(body)
        except messages.MessageError as error:
            return answers.invalid_argument(error.field, error.description)
        answer = self._answer(message, scope.headers.get("authorization", ""))
        if self._record:
            self._record.add(Entry(time.time(), 0 if answer.cut else answer.status, message))
        if self._latency:
            await asyncio.sleep(self._latency)
        return answer

    def _answer(self, message: Message, authorization: str) -> Answer:
        if not authorization.startswith(_BEARER) or not self._account.admits(authorization.removeprefix(_BEARER)):
            return answers.unauthenticated()
        name = f"projects/{PROJECT}/messages/{self._counters.messages}"
        return self._script.take(message.address) or answers.accepted(name)

    async def _exchange(self, _: Scope, body: bytes) -> Answer:
        self._counters.exchanges += 1
        endpoint = self._token_endpoint
        await asyncio.sleep(endpoint.latency)
        if endpoint.status != HTTPStatus.OK:
            return Answer(endpoint.status, {"error": "scripted"})
        return self._grant({name: values[0] for name, values in parse_qs(body.decode()).items()}, endpoint.lifetime)

    def _grant(self, form: Mapping[str, str], lifetime: float) -> Answer:
        if form.get("grant_type") != JWT_BEARER:
            return answers.no_grant("unsupported_grant_type", f"grant_type must be {JWT_BEARER}")
        try:
            token = self._account.grant(form.get("assertion", ""), lifetime)
        except GrantError as error:
            return answers.no_grant("invalid_grant", str(error))
        return Answer(HTTPStatus.OK, {"access_token": token, "expires_in": int(lifetime), "token_type": "Bearer"})

    async def _order(self, _: Scope, body: bytes) -> Answer:
        order = msgspec.json.decode(body, type=Order)
        if order.address is None:
            self._script.answer_all(order.answer)
        elif order.answer is not None:
            self._script.answer(order.address, order.answer, order.times)
        return Answer(HTTPStatus.OK)

    async def _set_latency(self, _: Scope, body: bytes) -> Answer:
        self._latency = msgspec.json.decode(body, type=float)
        return Answer(HTTPStatus.OK)

    async def _set_token_endpoint(self, _: Scope, body: bytes) -> Answer:
        self._token_endpoint = msgspec.json.decode(body, type=TokenEndpoint)
        return Answer(HTTPStatus.OK)

    async def _count(self, _: Scope, __: bytes) -> Answer:
        return Answer(HTTPStatus.OK, self._counters)


def _headers(answer: Answer, content_type: str) -> list[tuple[str, str]]:
    return [("content-type", content_type), *((name.lower(), value) for name, value in answer.headers.items())]
