"""The API's edge: the layers around all of the application, and whose word is taken there."""

from collections.abc import Iterable

from granian.utils.proxies import wrap_asgi_with_proxy_headers
from litestar.types import ASGIApp
from pydantic import IPvAnyNetwork

from shared.http.edge import Edge


def at_the_edge(app: ASGIApp, trusted_proxies: Iterable[IPvAnyNetwork]) -> ASGIApp:
    """Put the outermost layers around the application.

    Args:
        app: all of the application.
        trusted_proxies: networks whose word is taken for where a request came from, and whether by https.
    """
    return wrap_asgi_with_proxy_headers(Edge(app), [str(network) for network in trusted_proxies])
