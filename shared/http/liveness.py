"""Liveness on the port that requests come to: it shares their event loop, so an answer proves that it turns."""

from typing import Literal

from litestar import get
from msgspec import Struct


class Alive(Struct, frozen=True):
    """The process answers."""

    status: Literal["ok"] = "ok"


@get("/health/live")
async def live() -> Alive:
    """Say that the event loop turns."""
    return Alive()
