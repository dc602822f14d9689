"""Payloads of travel APIs with anything in place of any of their parts."""

import copy
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, get_args

import pyarrow as pa
from hypothesis import strategies as st

from services.ingest_gateway.sources.source import Api, Mapped, Refusal, Request
from shared.errors import UnreadableError
from shared.messages.fares import FARES_SCHEMA

Json = Any
Place = tuple[str | int, ...]

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
# What feeds have been seen to send where something else belongs, beside what hypothesis thinks of.
ODDITIES = ("", "NaN", "1e400", "1E+999999999", "-0.00", "BCN\n", "2026-02-30", "0001-01-01T00:00:00+23:00", 10**30)


def anything() -> st.SearchStrategy[Json]:
    """Any JSON."""
    leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(ODDITIES)
    return st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=4
    )


def spoiled(payload: Json) -> st.SearchStrategy[bytes]:
    """The payload with any JSON in place of one of its parts, or of all of it."""
    places = list(_places(payload))
    return st.builds(lambda place, part: _body(_replaced(payload, place, part)), st.sampled_from(places), anything())


def check_holds(api: Api, request: Request, status: int, body: bytes) -> None:
    """An answer is understood, or refused for some reason; what is understood can travel."""
    try:
        page = api.read(request, body, NOW)
    except UnreadableError:
        assert isinstance(api.refusal(200, {}, body), get_args(Refusal))
    else:
        assert rows_of(page.mapped).num_rows == len(page.mapped.fares)
    assert isinstance(api.refusal(status, {}, body), get_args(Refusal))


def rows_of(mapped: Mapped) -> pa.RecordBatch:
    """The fares as the gateway publishes them."""
    return pa.RecordBatch.from_pylist([dict(fare) for fare in mapped.fares], schema=FARES_SCHEMA)


def _places(part: Json, place: Place = ()) -> Iterator[Place]:
    yield place
    if isinstance(part, Mapping):
        for name, inner in part.items():
            yield from _places(inner, (*place, name))
    elif isinstance(part, list):
        for position, inner in enumerate(part):
            yield from _places(inner, (*place, position))


def _replaced(payload: Json, place: Place, part: Json) -> Json:
    if not place:
        return part
    whole = copy.deepcopy(payload)
    inner = whole
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = part
    return whole


def _body(payload: Json) -> bytes:
    return json.dumps(payload).encode("utf-8", "surrogatepass")
