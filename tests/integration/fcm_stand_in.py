"""A stand-in for Google's servers: the OAuth token exchange and FCM's `messages:send`, on a port of its own.

It runs on an event loop in a thread of its own, because firebase-admin talks to it from blocking code too.
"""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

PROJECT = "farelark-test"
ACCESS_TOKEN = "an-access-token-of-the-stand-in"


@dataclass
class Answer:
    """What the stand-in says to a message."""

    status: int
    body: Any

    def to_response(self) -> web.Response:
        if isinstance(self.body, str):
            return web.Response(status=self.status, text=self.body, content_type="text/html")
        return web.json_response(self.body, status=self.status)


@dataclass
class FcmStandIn:
    """What was sent, and what is to be answered.

    Attributes:
        url: where it listens.
        answers: by a device's token or fid; one without an answer is accepted.
        token_status: the status of the token endpoint.
        messages: the `message` objects accepted or refused, in the order of arrival.
        exchanges: how many access tokens were asked for.
    """

    url: str = ""
    answers: dict[str, Answer] = field(default_factory=dict)
    token_status: int = 200
    messages: list[dict[str, Any]] = field(default_factory=list)
    exchanges: int = 0

    async def exchange(self, request: web.Request) -> web.Response:
        form = await request.post()
        assert str(form["grant_type"]) == "urn:ietf:params:oauth:grant-type:jwt-bearer"
        assert str(form["assertion"]).count(".") == 2
        self.exchanges += 1
        if self.token_status != 200:
            return web.json_response({"error": "invalid_grant"}, status=self.token_status)
        return web.json_response({"access_token": ACCESS_TOKEN, "expires_in": 3600, "token_type": "Bearer"})

    async def send(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == f"Bearer {ACCESS_TOKEN}"
        document = await request.json()
        assert set(document) == {"message"}, "a dry run reaches no device"
        message = document["message"]
        self.messages.append(message)
        accepted = Answer(200, {"name": f"projects/{PROJECT}/messages/{len(self.messages)}"})
        address = message["fid"] if "fid" in message else message["token"]
        return self.answers.get(address, accepted).to_response()

    def write_credentials(self, path: Path) -> Path:
        """Write a service account's key file that names this stand-in as its token endpoint."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        account = {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": "1",
            "private_key": pem.decode(),
            "client_email": f"notifier@{PROJECT}.example",
            "token_uri": f"{self.url}/token",
        }
        path.write_text(json.dumps(account))
        return path


@contextmanager
def fcm_stand_in() -> Iterator[FcmStandIn]:
    """Run a stand-in while the block runs."""
    stand_in = FcmStandIn()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="fcm-stand-in")
    thread.start()
    try:
        runner = asyncio.run_coroutine_threadsafe(_listen(stand_in), loop).result(timeout=10)
        try:
            yield stand_in
        finally:
            asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(timeout=10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _listen(stand_in: FcmStandIn) -> web.AppRunner:
    app = web.Application()
    app.router.add_post("/token", stand_in.exchange)
    app.router.add_post(f"/v1/projects/{PROJECT}/messages:send", stand_in.send)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    stand_in.url = f"http://{host}:{port}"
    return runner
