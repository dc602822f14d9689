"""A trace leads from the fares that came in to the push on the phone, through every process on its way."""

import asyncio
import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from shared.broker.broker import Broker
from shared.broker.outgoing import Outgoing
from shared.topology import FARES
from tests.e2e.running_fleet import RunningFleet, running_fleet

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
DEPARTURE = (datetime.now(UTC) + timedelta(days=60)).date().isoformat()


class Span(NamedTuple):
    """A span as a collector gets it; ids are in hexadecimal."""

    service: str
    name: str
    trace: str
    id: str
    parent: str


class Collector(ThreadingHTTPServer):
    """Takes what services export over OTLP/HTTP."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Export)
        self.spans: list[Span] = []

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Export(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        assert self.path == "/v1/traces"
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.spans += spans_in(ExportTraceServiceRequest.FromString(body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Leave standard error to failures."""


def spans_in(request: ExportTraceServiceRequest) -> Iterator[Span]:
    for resource in request.resource_spans:
        attributes = {each.key: each.value.string_value for each in resource.resource.attributes}
        for span in (span for scope in resource.scope_spans for span in scope.spans):
            ids = (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex())
            yield Span(attributes["service.name"], span.name, *ids)


@contextmanager
def collecting() -> Iterator[Collector]:
    with Collector() as collector:
        serving = Thread(target=collector.serve_forever)
        serving.start()
        try:
            yield collector
        finally:
            collector.shutdown()
            serving.join()


def fare(price: int) -> dict[str, Any]:
    return {
        "origin": "JFK",
        "destination": "LHR",
        "departure_date": DEPARTURE,
        "carrier": "BA",
        "flight_number": "112",
        "currency": "EUR",
        "price": price,
        "observed_at": datetime.now(UTC).isoformat(),
        "source": "test",
    }


async def publish(fleet: RunningFleet, price: int) -> None:
    broker = await Broker.connect(fleet.addresses.amqp, "tests")
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
    body = json.dumps([fare(price)]).encode()
    await broker.publish(Outgoing("", body, "application/json", FARES.name, headers=headers))
    await broker.close()


def test_a_trace_leads_from_ingest_to_push(server_programs: bool, tmp_path: Path) -> None:
    assert server_programs
    with collecting() as collector:
        settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint, "TRACES_SAMPLED": "0"}
        with running_fleet(tmp_path / "fleet", settings=settings) as fleet:
            fleet.traveller().wish(
                origin="NYC",
                destination="LON",
                departure_from=DEPARTURE,
                departure_to=DEPARTURE,
                rule={"kind": "target", "price": {"amount": 20_000, "currency": "EUR"}},
            )
            fleet.drain()
            asyncio.run(publish(fleet, 19_000))
            fleet.drain()
            assert len(fleet.pushes()) == 1
    assert path_of(collector.spans) == [
        ("price_worker", "process fares.ingest"),
        ("alert_worker", "process changes.alerts"),
        ("notifier", "process notifications.standard"),
        ("notifier", "send pushes"),
    ]
    assert {span.trace for span in collector.spans} == {TRACE}, "only what is traced already is"


def path_of(spans: list[Span]) -> list[tuple[str, str]]:
    """The spans that follow from the first message, each from the one before, up to the push."""
    push = next((span for span in spans if span.name == "send pushes"), None)
    by_id = {span.id: span for span in spans}
    path: list[tuple[str, str]] = []
    while push:
        path.insert(0, (push.service, push.name))
        if push.parent == PARENT:
            return path
        push = by_id.get(push.parent)
    return []
