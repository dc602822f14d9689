"""Serves the stand-in over HTTP/1.1 and HTTP/2."""

from typing import Final

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP2Settings
from granian.server.embed import Server

from fleet.fcm_stand_in.application import Application
from fleet.fcm_stand_in.certificates import Certificate
from fleet.servers.ports import LOOPBACK

# Requests in work, most of them asleep: a slow FCM has thousands of them.
_AT_ONCE: Final = 100_000
_BACKLOG: Final = 4_096
_STREAMS: Final = 100  # of one HTTP/2 connection, as many as Google's servers allow


async def serve(application: Application, port: int, certificate: Certificate | None) -> None:
    """Serve until the process ends; with a certificate over TLS, where clients choose the protocol by ALPN."""
    server = Server(
        application,
        address=LOOPBACK,
        port=port,
        interface=Interfaces.RSGI,
        http=HTTPModes.auto,
        http2_settings=HTTP2Settings(max_concurrent_streams=_STREAMS),
        websockets=False,
        backlog=_BACKLOG,
        backpressure=_AT_ONCE,
        ssl_cert=certificate.certificate if certificate else None,
        ssl_key=certificate.key if certificate else None,
        log_enabled=False,
    )
    await server.serve()
