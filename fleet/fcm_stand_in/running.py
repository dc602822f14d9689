"""Runs the stand-in as a process beside this one, and tells it what to answer."""

import os
import signal
import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec

from fleet.addresses import REPOSITORY
from fleet.fcm_stand_in.answers import Answer
from fleet.fcm_stand_in.certificates import Certificate, write_certificate
from fleet.fcm_stand_in.control import Counters, Order, TokenEndpoint
from fleet.fcm_stand_in.record import Entry, read
from fleet.servers.children import Children, children_in
from fleet.servers.ports import LOOPBACK, free_ports

_NAME = "fcm_stand_in"
_CONTROL_TIMEOUT_S = 10.0


class FcmStandIn:
    """A stand-in that can be stopped as by a crash, and started again where it was.

    A new start forgets every order, and the counts; the account, the tokens and the record stay.

    Attributes:
        name: of its process and its log.
        url: where it listens.
        account: the service account's key file for its senders.
        certificate: its certificate, for those who are to trust it; None where it talks plain HTTP.
    """

    def __init__(self, children: Children, certificate: Certificate | None, *, recorded: bool) -> None:
        self._children = children
        (self._port,) = free_ports(1)
        self._certificate = certificate
        self._record = children.folder / "record.jsonl" if recorded else None
        self._pid = 0
        self.name = _NAME
        self.url = f"{'https' if certificate else 'http'}://{LOOPBACK}:{self._port}"
        self.account = children.folder / "account.json"
        self.certificate = certificate.certificate if certificate else None
        self._client = httpx.Client(base_url=self.url, timeout=_CONTROL_TIMEOUT_S, verify=_trust(self.certificate))

    @property
    def trust(self) -> dict[str, str]:
        """What a sender needs in its environment to trust it: Python's ssl reads the first, requests the second."""
        if not self.certificate:
            return {}
        return dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"), str(self.certificate))

    def start(self) -> None:
        """Start it, or start it again, and wait until it answers."""
        argv: list[str | Path] = [sys.executable, "-m", "fleet.fcm_stand_in"]
        argv += ["--port", str(self._port), "--account", self.account]
        if self._record:
            argv += ["--record", self._record]
        if self._certificate:
            argv += ["--tls", *self._certificate]
        environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
        self._pid = self._children.spawn(self.name, argv, env=environment)
        self._children.wait_ready(self)

    def stop(self) -> None:
        """Let it fall over: whoever waits for an answer gets none."""
        os.kill(self._pid, signal.SIGKILL)
        self._children.stop(self.name)

    def close(self) -> None:
        """Close the connection to its controls."""
        self._client.close()

    def ready(self) -> bool:
        """Whether it answers."""
        try:
            return self._client.get("/control/counters").is_success
        except httpx.TransportError:
            return False

    def answer(self, address: str, answer: Answer, times: int | None = None) -> None:
        """Answer this to messages for a device's address, so many times or from now on."""
        self._put("/control/answers", Order(address, answer, times))

    def answer_all(self, answer: Answer | None) -> None:
        """Answer this to all messages that have no answer of their own; None: accept them again."""
        self._put("/control/answers", Order(None, answer))

    def set_latency(self, seconds: float) -> None:
        """Let every answer to a message take so long."""
        self._put("/control/latency", seconds)

    def set_token_endpoint(self, status: int = 200, latency: float = 0.0, lifetime: float = 3_600.0) -> None:
        """Say what the token endpoint answers and after how many seconds, and how long its next tokens hold."""
        self._put("/control/token-endpoint", TokenEndpoint(status, latency, lifetime))

    def counters(self) -> Counters:
        """What has arrived since the start."""
        return msgspec.json.decode(self._client.get("/control/counters").content, type=Counters)

    def exchanges(self) -> int:
        """How often an access token was asked for since the start."""
        return self.counters().exchanges

    def entries(self) -> Iterator[Entry]:
        """What was recorded, over all starts."""
        return read(self._record) if self._record else iter(())

    def messages(self) -> list[dict[str, Any]]:
        """The recorded messages in order of arrival, each with the status it was `answered` and the instant `at`."""
        return [
            msgspec.to_builtins(entry.message) | {"answered": entry.answered, "at": entry.at}
            for entry in self.entries()
        ]

    def _put(self, path: str, order: object) -> None:
        self._client.put(path, content=msgspec.json.encode(order)).raise_for_status()


@contextmanager
def fcm_stand_in(folder: Path, *, tls: bool = False, recorded: bool = True) -> Iterator[FcmStandIn]:
    """Run a stand-in while the block runs.

    Args:
        folder: for its files; it is made where it is missing.
        tls: talk HTTPS with a certificate made for the occasion.
        recorded: whether messages are written down; in a long run they are many.
    """
    with children_in(folder, print) as children:
        certificate = write_certificate(children.folder) if tls else None
        stand_in = FcmStandIn(children, certificate, recorded=recorded)
        try:
            stand_in.start()
            yield stand_in
        finally:
            stand_in.close()


def _trust(certificate: Path | None) -> ssl.SSLContext | bool:
    return ssl.create_default_context(cafile=str(certificate)) if certificate else True
