"""Senders of the same pushes: the notifier's gateway, firebase-admin, and HTTP with nothing around it.

`python -m fleet.bench.push_senders` is one of them. A number on a line of its input makes it send as many; a line of
its output then says what that took. It ends with its input.
"""

import asyncio
import gc
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from http import HTTPStatus
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Final, TypeVar

import aiohttp
import firebase_admin
import msgspec
import typer
import uvloop
from firebase_admin import credentials, messaging
from google.auth.transport.requests import Request

from fleet.bench.push_sending import CONNECTIONS, Kind, Run
from fleet.bench.synthetic_firings import Firing, invent
from services.notifier.fcm.firebase import FirebaseGateway
from services.notifier.fcm.message import to_message
from services.notifier.gateway import Device, Push, Verdict
from services.notifier.rendering.rendering import render
from shared.errors import FarelarkError

_SEED: Final = 0
_DIFFERENT: Final = 2_000
_PUSHES_A_CALL: Final = 500  # a batch of the notifier, and the most that firebase-admin takes
_CALLS_AT_ONCE: Final = 4  # so that the last pushes of one leave no connection idle
_LINKS: Final = "farelark://"
_COLLECT_AFTER: Final = 50_000

T = TypeVar("T")
Send = Callable[[int], Awaitable[None]]
Open = Callable[[Sequence[Push], Path, str, AsyncExitStack], Awaitable[Send]]


class NotAcceptedError(FarelarkError):
    """The stand-in has not taken what it should take."""


class Unpaced:
    """A pacer that lets everything go at once: FCM allows 10,000 a second, and a bench is to show more."""

    async def permit(self, waiting: int) -> None:
        """Let it go."""

    async def slow_down(self) -> None:
        """Nobody is to ask for that here."""


async def open_gateway(pushes: Sequence[Push], key_file: Path, endpoint: str, closing: AsyncExitStack) -> Send:
    """The notifier's own, without the fleet's limit: several calls at once."""
    gateway = FirebaseGateway(key_file, _utc_now, Unpaced(), _LINKS, CONNECTIONS, endpoint)
    closing.push_async_callback(gateway.close)
    supply = cycle(pushes)

    async def call_on(sizes: Iterator[int]) -> None:
        for size in sizes:
            outcomes = await gateway.send(list(islice(supply, size)))
            if any(outcome.verdict is not Verdict.SENT for outcome in outcomes):
                raise NotAcceptedError(f"the gateway says {set(outcomes)}")

    async def send(count: int) -> None:
        await _at_once(_CALLS_AT_ONCE, call_on, _calls(count))

    return send


async def open_firebase_admin(pushes: Sequence[Push], key_file: Path, endpoint: str, _: AsyncExitStack) -> Send:
    """`send_each_async`, a call after the other, of messages that were built beforehand."""
    app = firebase_admin.initialize_app(credentials.Certificate(str(key_file)))
    service = messaging._get_messaging_service(app)  # noqa: SLF001  # it has no option for another server
    service._fcm_url = _url(endpoint, app.project_id)  # noqa: SLF001  # see above
    supply = cycle([to_message(push, _utc_now(), _LINKS) for push in pushes])

    async def send(count: int) -> None:
        for size in _calls(count):
            batch = await messaging.send_each_async(list(islice(supply, size)), app=app)
            if batch.failure_count:
                raise NotAcceptedError(f"firebase-admin failed {batch.failure_count} times")

    return send


async def open_bare(pushes: Sequence[Push], key_file: Path, endpoint: str, closing: AsyncExitStack) -> Send:
    """HTTP alone, with bodies that were encoded beforehand: the ceiling."""
    key = credentials.Certificate(str(key_file))
    session = aiohttp.ClientSession(headers=_headers(key), connector=aiohttp.TCPConnector(limit=CONNECTIONS))
    await closing.enter_async_context(session)
    url = _url(endpoint, key.project_id)
    supply = cycle([_body(push) for push in pushes])

    async def post_on(bodies: Iterator[bytes]) -> None:
        for body in bodies:
            async with session.post(url, data=body) as response:
                await response.read()
                if response.status != HTTPStatus.OK:
                    raise NotAcceptedError(f"the stand-in answered {response.status}")

    async def send(count: int) -> None:
        await _at_once(CONNECTIONS, post_on, islice(supply, count))

    return send


OPENERS: Final[dict[Kind, Open]] = {
    Kind.GATEWAY: open_gateway,
    Kind.FIREBASE_ADMIN: open_firebase_admin,
    Kind.BARE: open_bare,
}


async def work(kind: Kind, key_file: Path, endpoint: str) -> None:
    """Send as often and as many as the input says."""
    pushes = [_push(firing) for firing in invent(_DIFFERENT, _SEED, _utc_now())]
    async with AsyncExitStack() as closing:
        send = await OPENERS[kind](pushes, key_file, endpoint, closing)
        while line := await asyncio.to_thread(sys.stdin.readline):
            run = await _measured(send, int(line))
            print(msgspec.json.encode(run).decode(), flush=True)


async def _measured(send: Send, count: int) -> Run:
    started, used = time.perf_counter(), time.process_time()
    await send(count)
    return Run(count, time.perf_counter() - started, time.process_time() - used)


def _push(firing: Firing) -> Push:
    """Render a firing for the traveller's device, as the notifier does before it sends."""
    told, at = firing
    device = Device(at.id, at.user_id, at.platform, at.locale, at.time_zone, at.token, "token")
    return Push(told, device, render(told, at.locale))


async def _at_once(
    workers: int, work_on: Callable[[Iterator[T]], Coroutine[Any, Any, None]], supply: Iterator[T]
) -> None:
    """Let so many work on one supply until it is used up."""
    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(work_on(supply))


def _calls(count: int) -> Iterator[int]:
    """The sizes of the calls that send so many."""
    return (min(_PUSHES_A_CALL, count - sent) for sent in range(0, count, _PUSHES_A_CALL))


def _body(push: Push) -> bytes:
    encode = messaging._MessagingService.encode_message  # noqa: SLF001  # it has no public name
    return msgspec.json.encode({"message": encode(to_message(push, _utc_now(), _LINKS))})


def _headers(key: credentials.Certificate) -> dict[str, str]:
    credential = key.get_credential()
    credential.refresh(Request())
    return {"Authorization": f"Bearer {credential.token}", "Content-Type": "application/json"}


def _url(endpoint: str, project: str) -> str:
    return f"{endpoint}/v1/projects/{project}/messages:send"


def _utc_now() -> datetime:
    return datetime.now(UTC)


def main(kind: Kind, key_file: Path, endpoint: str) -> None:
    """Be a sender, with garbage collected as seldom as in a service, which gives all of them some speed."""
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER)
    uvloop.run(work(kind, key_file, endpoint))


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    app()
