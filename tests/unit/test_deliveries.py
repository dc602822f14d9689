"""Headers come from anybody: what is well-formed is kept, and nothing else passes."""

from typing import Any

import pytest

from shared.deliveries import Context

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_well_formed_headers_travel_on_and_the_attempt_stays_behind() -> None:
    travelling = {"cycle": "2026-12-24:a", "traceparent": TRACEPARENT, "route": "NYC-LON"}
    context = Context.read(travelling | {"attempt": 2})
    assert context == Context("2026-12-24:a", TRACEPARENT, 2, "NYC-LON")
    assert context.headers() == travelling


@pytest.mark.parametrize("cycle", ["", "a" * 65, "a\n", "a b", b"a", 7, {"a": 1}, None])
def test_a_strange_cycle_is_left_out(cycle: object) -> None:
    assert Context.read({"cycle": cycle}).headers() == {}


@pytest.mark.parametrize("traceparent", ["junk", TRACEPARENT + "\n", TRACEPARENT.upper(), "0" * 9000, 1, [TRACEPARENT]])
def test_a_strange_traceparent_is_left_out(traceparent: object) -> None:
    assert Context.read({"traceparent": traceparent}).headers() == {}


@pytest.mark.parametrize("route", ["", "NYC", "nyc-lon", "NYC-LON\n", "NYC-LON-PAR", b"NYC-LON", 7, ["NYC-LON"]])
def test_a_strange_route_is_left_out(route: object) -> None:
    assert Context.read({"route": route}).headers() == {}


@pytest.mark.parametrize("attempt", [-1, 4, 2**63, 1.0, True, "1", None, [1]])
def test_a_forged_attempt_counts_as_the_first(attempt: object) -> None:
    assert Context.read({"attempt": attempt}).attempt == 0


@pytest.mark.parametrize(
    "forged",
    [
        {"x-death": [{"count": 99, "queue": "fares.ingest", "reason": "rejected"}]},
        {"x-delivery-count": 19},
        {"baggage": "b" * 9_000},
        {"nested": {"table": {"table": [1, {"x": None}]}}},
    ],
)
def test_other_headers_mean_nothing_here(forged: dict[str, Any]) -> None:
    assert Context.read(forged) == Context()
