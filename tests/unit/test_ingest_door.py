"""The gateway's door: which fares get in, and what the others are told. Never is it our fault."""

import gzip
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pytest
from httpx import Response
from litestar import Litestar
from litestar.testing import TestClient

from services.ingest_gateway.intake.delivering import Stored
from shared.fare_lanes import Lane
from shared.messages.fares import FARES
from tests.open_door import KEY, LIVE_ONLY, OpenDoor, reasons
from tests.unit.fares import Document, arrow_of, fare, json_of

JSON = {"Content-Type": "application/json"}
ARROW = {"Content-Type": "application/vnd.apache.arrow.stream"}
NDJSON = {"Content-Type": "application/x-ndjson"}
GZIP = {"Content-Encoding": "gzip"}
ZSTD = {"Content-Encoding": "zstd"}
MEBIBYTE = 1024 * 1024


@pytest.fixture
def door() -> OpenDoor:
    return OpenDoor()


@pytest.fixture
def client(door: OpenDoor) -> Iterator[TestClient[Litestar]]:
    with TestClient(door.app) as client:
        yield client


def push(client: TestClient[Litestar], body: bytes, headers: Mapping[str, str] = JSON, query: str = "") -> Response:
    return client.post(f"/v1/fares{query}", content=body, headers={**KEY, **headers})


def refused(answer: Response, status: int) -> str:
    """What a refusal says; it is a problem document that names its request."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], problem["request_id"]) == (status, answer.headers["X-Request-Id"])
    return str(problem["detail"])


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (JSON, json.dumps(fare()).encode()),
        (JSON, json_of(fare())),
        (NDJSON, json.dumps(fare()).encode() + b"\n\n"),
        (ARROW, arrow_of(FARES, fare())),
        (JSON | GZIP, gzip.compress(json_of(fare()), mtime=0)),
        (NDJSON | ZSTD, pa.compress(json.dumps(fare()).encode(), "zstd", asbytes=True)),
        (ARROW | GZIP, gzip.compress(arrow_of(FARES, fare()), mtime=0)),
        (JSON | {"Content-Encoding": "identity"}, json_of(fare())),
        (JSON | {"traceparent": "no such thing", "baggage": "x" * 9_000}, json_of(fare())),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_fare_gets_in_in_every_form(
    client: TestClient[Litestar], door: OpenDoor, headers: dict[str, str], body: bytes
) -> None:
    answer = push(client, body, headers)
    assert answer.status_code == 202, answer.text
    assert answer.json() == {"accepted": 1, "set_aside": [], "set_aside_total": 0, "stored": "queue"}
    (kept,) = door.kept.fares
    assert (kept["origin"], kept["price"], kept["source"]) == ("JFK", 39_900, "test")


FAULTY: list[tuple[Document, str]] = [
    (fare(price=0), "price_missing"),
    (fare(price=-1), "price_negative"),
    (fare(price=12_000.0), "price_malformed"),
    (fare(price="12000"), "price_malformed"),
    (fare(price=10**30), "price_malformed"),
    (fare(price=None), "price_missing"),
    (fare(currency="XXX"), "currency_unknown"),
    (fare(currency="eur"), "currency_malformed"),
    (fare(destination="JFK"), "origin_is_destination"),
    (fare(origin="jfk"), "origin_malformed"),
    (fare(origin="QQQ"), "origin_unknown"),
    (fare(origin="JFK\n"), "origin_malformed"),
    (fare(origin="\u0408FK"), "origin_malformed"),
    (fare(departure_date="2026-02-30"), "departure_date_malformed"),
    (fare(departure_date="2026-11-20"), "departure_date_past"),
    (fare(departure_date="2029-01-01"), "departure_date_too_far"),
    (fare(return_date="2026-12-01"), "return_date_before_departure"),
    (fare(observed_at="2026-11-22T18:00:00Z"), "observed_at_future"),
    (fare(observed_at="2026-10-01T06:00:00Z"), "observed_at_long_ago"),
    (fare(observed_at="2026-11-22T06:00:00"), "observed_at_malformed"),
    (fare(stops=8), "stops_malformed"),
    (fare(stops=1.5), "stops_malformed"),
    (fare(departure_time="25:00"), "departure_time_malformed"),
    (fare(source="another"), "source_foreign"),
    (fare(source=5), "source_malformed"),
]


def test_what_is_no_fare_is_set_aside_with_position_and_reason_and_the_others_get_in(
    client: TestClient[Litestar], door: OpenDoor
) -> None:
    documents = [document for faulty, _ in FAULTY for document in (fare(), faulty)]
    answer = push(client, json_of(*documents))
    assert answer.status_code == 202
    assert reasons(answer.json()) == [(2 * number + 1, reason) for number, (_, reason) in enumerate(FAULTY)]
    assert answer.json()["accepted"] == len(FAULTY) == len(door.kept.fares)


@pytest.mark.parametrize("number", ["NaN", "1e400", "1e4", "Infinity", "01", "0x1"])
def test_what_is_no_integer_spoils_its_own_line_alone(client: TestClient[Litestar], number: str) -> None:
    odd = json.dumps(fare(price=-77)).replace("-77", number)
    answer = push(client, f"{json.dumps(fare())}\n{odd}\n\n{json.dumps(fare())}".encode(), NDJSON)
    ((position, reason),) = reasons(answer.json())
    assert (position, answer.json()["accepted"]) == (1, 2)
    assert reason in {"price_malformed", "document_malformed"}


def test_nothing_valid_at_all_is_answered_with_the_reasons(client: TestClient[Litestar], door: OpenDoor) -> None:
    answer = push(client, json_of(fare(price=0), {"price": 1}, fare(origin=None)))
    assert (answer.status_code, answer.json()["accepted"], door.kept.batches) == (202, 0, [])
    assert reasons(answer.json()) == [(0, "price_missing"), (1, "origin_missing"), (2, "origin_malformed")]


def test_arrow_rows_are_set_aside_by_their_positions_too(client: TestClient[Litestar]) -> None:
    body = arrow_of(FARES, fare(source="another"), fare(), fare(price=0), fare(source=None))
    assert reasons(push(client, body, ARROW).json()) == [(0, "source_foreign"), (2, "price_missing")]


def test_positions_hold_over_more_fares_than_a_batch_has(
    client: TestClient[Litestar], door: OpenDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.ingest_gateway.http.door.MAX_ROWS", 600)
    monkeypatch.setattr("services.ingest_gateway.intake.intake.MAX_ROWS", 600)
    documents = [fare(price=0 if position % 500 == 499 else position + 1) for position in range(1_300)]
    answer = push(client, json_of(*documents))
    expected = [(499, "price_missing"), (999, "price_missing")]
    assert reasons(answer.json()) == expected
    assert (answer.json()["accepted"], len(door.kept.fares), len(door.kept.batches)) == (1_298, 1_298, 3)
    assert reasons(push(client, arrow_of(FARES, *documents), ARROW).json()) == expected


@pytest.mark.parametrize(
    ("headers", "body", "status", "words"),
    [
        (JSON, b"", 400, "json_malformed"),
        (JSON, b"[]", 400, "no_fares"),
        (JSON, json_of(fare())[:-9], 400, "json_malformed"),
        (JSON, json_of(fare()) + b"]", 400, "json_malformed"),
        (JSON, b"\xff\xfe", 400, "not_utf8"),
        (JSON, b"[" * 100_000, 400, "json_malformed"),
        (JSON, gzip.compress(json_of(fare()), mtime=0), 400, "not_utf8"),
        (JSON | GZIP, json_of(fare()), 400, "gzip_malformed"),
        (JSON | ZSTD, gzip.compress(json_of(fare()), mtime=0), 400, "zstd_malformed"),
        (JSON | GZIP, gzip.compress(json_of(fare()), mtime=0)[:-4], 400, "gzip_malformed"),
        (JSON | GZIP, gzip.compress(bytes(33 * MEBIBYTE), mtime=0), 413, "33554432 bytes"),
        (NDJSON | ZSTD, pa.compress(b"0\n" * 100_001, "zstd", asbytes=True), 413, "100000 fares"),
        (JSON, b" " * (16 * MEBIBYTE + 1), 413, "16777216 bytes"),
        (ARROW, b"ARROW1", 400, "arrow_malformed"),
        (ARROW, arrow_of(FARES, fare())[:-100], 400, "arrow_malformed"),
        (ARROW, json_of(fare()), 400, "arrow_malformed"),
        (JSON | {"Content-Encoding": "br"}, json_of(fare()), 415, "gzip, zstd"),
        ({"Content-Type": "text/plain"}, json_of(fare()), 415, "application/json"),
        ({}, json_of(fare()), 415, "application/json"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_body_that_is_not_what_it_should_be_is_refused_as_a_whole(
    client: TestClient[Litestar], door: OpenDoor, headers: dict[str, str], body: bytes, status: int, words: str
) -> None:
    assert words in refused(push(client, body, headers), status)
    assert door.kept.batches == []


def test_who_shows_no_good_key_learns_no_more(client: TestClient[Litestar]) -> None:
    for key in ("", "Bearer flk_other", "Basic flk_test", "Bearer \xff"):
        answer = client.post("/v1/fares", content=b"nonsense", headers={b"Authorization": key.encode("latin-1")})
        assert "Bearer" in refused(answer, 401)
        assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_key_reaches_to_its_lanes_and_cycles_only(client: TestClient[Litestar], door: OpenDoor) -> None:
    assert "live" in refused(push(client, json_of(fare()), JSON | LIVE_ONLY, "?lane=sweep"), 403)
    assert "test-" in refused(push(client, json_of(fare()), JSON, "?cycle=other-20261122T060000Z"), 403)
    assert "lane" in refused(push(client, json_of(fare()), JSON, "?lane=fast"), 400)
    assert push(client, json_of(fare()), JSON | LIVE_ONLY, "?lane=live").status_code == 202
    assert push(client, json_of(fare()), JSON, "?lane=sweep&cycle=test-20261122T060000Z").status_code == 202
    assert [(batch.lane, batch.cycle) for batch in door.kept.batches] == [
        (Lane.LIVE, None),
        (Lane.SWEEP, "test-20261122T060000Z"),
    ]


def test_what_lies_in_the_spool_is_answered_otherwise(client: TestClient[Litestar], door: OpenDoor) -> None:
    door.kept.place = Stored.SPOOL
    answer = push(client, json_of(fare()))
    assert (answer.status_code, answer.json()["stored"]) == (201, "spool")


def test_fares_that_find_no_place_are_to_be_sent_again(client: TestClient[Litestar], door: OpenDoor) -> None:
    assert client.get("/health/ready").json() == {"status": "ok"}
    door.kept.place = None
    for answer in (push(client, json_of(fare())), client.get("/health/ready")):
        assert "again" in refused(answer, 503)
        assert int(answer.headers["Retry-After"]) > 0
    assert client.get("/health/live").json() == {"status": "ok"}


def test_a_key_that_cannot_be_checked_is_no_bad_key(client: TestClient[Litestar], door: OpenDoor) -> None:
    door.producers.away = True
    assert "again" in refused(push(client, json_of(fare())), 503)


def test_every_fare_of_a_request_counts_against_the_limit(client: TestClient[Litestar], door: OpenDoor) -> None:
    door.allowance.left = 5
    assert push(client, json_of(fare(), fare(price=0), {"a": 1})).status_code == 202
    answer = push(client, arrow_of(FARES, *[fare()] * 3), ARROW)
    assert "600,000 fares a minute" in refused(answer, 429)
    assert answer.headers["Retry-After"] == "7"
    assert push(client, json_of(fare(), fare())).status_code == 202


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "BREW"])
def test_fares_are_posted_and_nothing_else(client: TestClient[Litestar], method: str) -> None:
    answer = client.request(method, "/v1/fares", headers=KEY)
    refused(answer, 405)
    assert answer.headers["Allow"] == "POST"


def test_a_mistake_of_ours_says_nothing_of_itself(
    client: TestClient[Litestar], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def mistaken(*_: Any) -> bytes:  # noqa: ANN401  # whatever it is called with
        raise LookupError("amqp://farelark:hunter2@rabbitmq/")

    monkeypatch.setattr("services.ingest_gateway.http.door.receive_body", mistaken)
    assert refused(push(client, json_of(fare())), 500) == "this is our fault; it has been logged"
