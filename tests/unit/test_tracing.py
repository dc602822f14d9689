"""Spans follow messages: one message's trace goes on, several are linked to, and what is published carries it on."""

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from shared import tracing
from shared.broker.outgoing import Outgoing

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"
OTHER = "00-1af7651916cd43dd8448eb211c80319c-c7ad6b7169203331-01"
MALFORMED = "00-00000000000000000000000000000000-0000000000000000-01"


class Spans:
    """What has been exported."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self._exporter = exporter

    def only(self) -> ReadableSpan:
        (span,) = self._exporter.get_finished_spans()
        return span

    def all(self) -> tuple[ReadableSpan, ...]:
        return self._exporter.get_finished_spans()


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[Spans]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(tracing, "_TRACER", provider.get_tracer("tests"))
    yield Spans(exporter)
    provider.shutdown()


def trace_of(span: ReadableSpan) -> str:
    assert span.context
    return f"{span.context.trace_id:032x}"


def published() -> object:
    """The traceparent of what is published now."""
    headers = Outgoing("", b"", "text/plain", headers={"cycle": "one"}).to_amqp().headers
    assert headers["cycle"] == "one"
    return headers.get("traceparent")


def test_a_trace_begins_where_fares_come_in(spans: Spans) -> None:
    with tracing.publishing("live_fares", 75):
        onward = published()
    span = spans.only()
    assert (span.name, span.kind, span.parent) == ("publish live_fares", SpanKind.PRODUCER, None)
    assert trace_of(span) in str(onward)


def test_the_trace_of_one_message_goes_on(spans: Spans) -> None:
    with tracing.processing("fares.ingest", [PARENT]):
        onward = published()
    span = spans.only()
    assert span.parent
    assert (trace_of(span), f"{span.parent.span_id:016x}", span.links) == (TRACE, "b7ad6b7169203331", ())
    assert (span.name, span.kind) == ("process fares.ingest", SpanKind.CONSUMER)
    assert span.context
    assert onward == f"00-{TRACE}-{span.context.span_id:016x}-01"


def test_messages_of_one_trace_are_one_message_to_it(spans: Spans) -> None:
    with tracing.processing("changes.alerts", [PARENT, None, PARENT]):
        pass
    span = spans.only()
    assert (trace_of(span), span.links) == (TRACE, ())
    assert span.attributes
    assert span.attributes["messaging.batch.message_count"] == 3


def test_a_batch_of_several_traces_begins_one_and_links_to_each(spans: Spans) -> None:
    with tracing.processing("notifications.urgent", [PARENT, OTHER, PARENT]):
        pass
    span = spans.only()
    assert span.parent is None
    assert trace_of(span) not in {TRACE, OTHER[3:35]}
    assert [f"{link.context.trace_id:032x}" for link in span.links] == [TRACE, OTHER[3:35]]


@pytest.mark.parametrize("traceparents", [[], [None], [MALFORMED]])
def test_a_message_without_a_trace_begins_one(spans: Spans, traceparents: list[str | None]) -> None:
    with tracing.processing("fares.ingest", traceparents):
        pass
    span = spans.only()
    assert (span.parent, span.links) == (None, ())


def test_what_is_sent_to_devices_is_a_part_of_it(spans: Spans) -> None:
    with tracing.processing("notifications.urgent", [PARENT]), tracing.sending(7):
        pass
    sent, processed = spans.all()
    assert sent.parent == processed.context
    assert sent.attributes == {"farelark.pushes": 7}


def test_a_failure_is_told_by_its_type_alone(spans: Spans) -> None:
    with tracing.processing("fares.ingest", [PARENT]):
        tracing.failed(ValueError("SELECT secret FROM users"))
    span = spans.only()
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "ValueError")
    assert "secret" not in span.to_json()


def test_without_a_collector_headers_stay_as_they_are() -> None:
    with tracing.exporting("tests", None, 1.0), tracing.processing("fares.ingest", [None]):
        assert tracing.carried_on({"cycle": "one"}) == {"cycle": "one"}
    with tracing.processing("fares.ingest", [PARENT]):
        assert tracing.carried_on({"traceparent": PARENT}) == {"traceparent": PARENT}
