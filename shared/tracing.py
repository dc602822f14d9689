"""Traces from the first message to the push, across queues, by OpenTelemetry; off unless a collector is named.

What a handler call does is a span. It goes on with the trace of its messages where they are of one, and links to each
where they are of several, as OpenTelemetry has it for batches. Whatever is published meanwhile carries it on.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
from opentelemetry.trace import Link, Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_TRACER: Final = trace.get_tracer("farelark")
_W3C: Final = TraceContextTextMapPropagator()
_MOST_LINKS: Final = 128  # as many as OpenTelemetry keeps by default


def processing(queue: str, traceparents: Iterable[str | None]) -> AbstractContextManager[Span]:
    """A span around the handling of these messages of a queue."""
    messages = list(traceparents)
    parents = [_context_of(traceparent) for traceparent in dict.fromkeys(filter(None, messages))]
    alone = len(parents) == 1
    return _TRACER.start_as_current_span(
        f"process {queue}",
        context=parents[0] if alone else Context(),
        links=[] if alone else [_link_to(parent) for parent in parents[:_MOST_LINKS]],
        kind=SpanKind.CONSUMER,
        attributes={
            "messaging.system": "rabbitmq",
            "messaging.destination.name": queue,
            "messaging.operation.type": "process",
            "messaging.batch.message_count": len(messages),
        },
        record_exception=False,  # texts of libraries may hold SQL or people's data
    )


def publishing(exchange: str, fares: int) -> AbstractContextManager[Span]:
    """A span around the publishing of a batch that came from outside: where a trace begins."""
    return _TRACER.start_as_current_span(
        f"publish {exchange}",
        kind=SpanKind.PRODUCER,
        attributes={
            "messaging.system": "rabbitmq",
            "messaging.destination.name": exchange,
            "messaging.operation.type": "send",
            "farelark.fares": fares,
        },
        record_exception=False,
    )


def sending(pushes: int) -> AbstractContextManager[Span]:
    """A span around what is sent to devices."""
    attributes = {"farelark.pushes": pushes}
    return _TRACER.start_as_current_span(
        "send pushes", kind=SpanKind.CLIENT, attributes=attributes, record_exception=False
    )


def failed(error: BaseException) -> None:
    """Let the span at hand say that something in it failed."""
    trace.get_current_span().set_status(StatusCode.ERROR, type(error).__name__)


def carried_on(headers: Mapping[str, Any] | None) -> dict[str, Any]:
    """The headers, with the span at hand as what their message follows from; unchanged where there is none."""
    carrier = dict(headers or {})
    _W3C.inject(carrier)
    return carrier


@contextmanager
def exporting(service: str, endpoint: str | None, sampled: float) -> Iterator[None]:
    """Export spans while the block runs, in a thread of their own; without an endpoint there are none.

    Args:
        service: whose they are.
        endpoint: of an OTLP/HTTP collector, such as `http://collector:4318`; while it is away spans are dropped.
        sampled: share of the messages that no trace leads to with which one begins; traces that were begun go on.
    """
    if endpoint is None:
        yield
        return
    provider = _provider(service, endpoint, sampled)
    trace.set_tracer_provider(provider)
    try:
        yield
    finally:
        provider.shutdown()


def _provider(service: str, endpoint: str, sampled: float) -> TracerProvider:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415  # off in most processes
        OTLPSpanExporter,
    )

    provider = TracerProvider(
        sampler=ParentBasedTraceIdRatio(sampled),
        resource=Resource.create({"service.name": service, "service.namespace": "farelark"}),
        shutdown_on_exit=False,  # the block above does it
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces")))
    return provider


def _context_of(traceparent: str) -> Context:
    return _W3C.extract({"traceparent": traceparent})


def _link_to(parent: Context) -> Link:
    return Link(trace.get_current_span(parent).get_span_context())
