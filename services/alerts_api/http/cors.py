"""Which web pages may call the API: none, unless they are named."""

from collections.abc import Sequence
from typing import Final

from litestar.config.cors import CORSConfig
from litestar.enums import HttpMethod

_METHODS: Final = [HttpMethod.GET, HttpMethod.POST, HttpMethod.PUT, HttpMethod.PATCH, HttpMethod.DELETE]
_SENT: Final = ["Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match", "X-Request-Id"]
_SHOWN: Final = ["ETag", "Link", "Location", "RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-Id"]


def cors_config(origins: Sequence[str]) -> CORSConfig | None:
    """What pages of these origins may send and see; without credentials, since the API has no cookies."""
    if not origins:
        return None
    return CORSConfig(
        allow_origins=list(origins), allow_methods=[*_METHODS], allow_headers=_SENT, expose_headers=_SHOWN, max_age=600
    )
