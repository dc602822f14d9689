"""What the query says about a request's fares: by which lane they go, and to which cycle they belong. Pure."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import parse_qsl

from services.ingest_gateway.http.refusals import RefusedError
from shared.fare_lanes import Lane

# It names a key of Redis and travels in the headers of messages.
CYCLE: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
_CYCLE: Final = re.compile(CYCLE)
_KNOWN: Final = 64  # a producer's requests differ in their bodies alone


@dataclass(frozen=True, slots=True)
class Parameters:
    """What goes for all fares of a request."""

    lane: Lane
    cycle: str | None


@lru_cache(_KNOWN)
def read_parameters(query: bytes) -> Parameters:
    """Read them from a query string; what else is in it means nothing to us.

    Raises:
        RefusedError: one of them makes no sense.
    """
    given = dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True))
    lane, cycle = given.get("lane", Lane.LIVE), given.get("cycle")
    if lane not in list(Lane):
        raise RefusedError(f"lane: one of {', '.join(Lane)}")
    if cycle is not None and not _CYCLE.fullmatch(cycle):
        raise RefusedError("cycle: up to 100 letters, digits, dots, hyphens and underscores")
    return Parameters(Lane(lane), cycle)
