"""The catalogue of metrics keeps to Prometheus' conventions, and its page is complete."""

import re
from collections import Counter as Counts
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics import MetricWrapperBase

from shared import metrics
from shared.health import Health

PAGE = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
CATALOGUE = [metric for metric in vars(metrics).values() if isinstance(metric, MetricWrapperBase)]
KINDS = {Counter: "counter", Gauge: "gauge", Histogram: "histogram"}
SERVICES = [
    "ingest_gateway",
    "price_worker",
    "alert_worker",
    "history_worker",
    "notifier",
    "alerts_api",
    "operations",
]
# What there may be as many of as there are fares, people or messages.
UNBOUNDED = {"id", "alert", "user", "traveller", "device", "token", "message", "cycle", "fare", "board", "trace"}
NOT_A_BASE_UNIT = re.compile(r"_(ms|milliseconds|minutes|hours|percent|kb|mb|kilobytes|megabytes)(_|$)")


def name_of(metric: MetricWrapperBase) -> str:
    """As queries have it."""
    (family,) = metric.describe()
    return f"{family.name}_total" if isinstance(metric, Counter) else family.name


def text_of(metric: MetricWrapperBase) -> str:
    (family,) = metric.describe()
    return family.documentation


def owners(metric: MetricWrapperBase) -> str:
    return ", ".join(service for service, own in metrics.OWN.items() if metric in own) or "all"


every_metric = pytest.mark.parametrize("metric", CATALOGUE, ids=name_of)


@every_metric
def test_a_name_is_ours_in_base_units_and_says_its_kind(metric: MetricWrapperBase) -> None:
    name = name_of(metric)
    assert re.fullmatch(r"farelark(_[a-z]+)+", name)
    assert not NOT_A_BASE_UNIT.search(name)
    assert name.endswith("_total") == isinstance(metric, Counter)
    assert not (isinstance(metric, Gauge) and name.endswith(("_count", "_sum", "_bucket", "_created", "_info")))
    assert not isinstance(metric, Histogram) or name.endswith("_seconds")


@every_metric
def test_a_label_has_few_values_which_the_page_names(metric: MetricWrapperBase) -> None:
    labels = list(metric._labelnames)
    assert not {part for label in labels for part in label.split("_")} & UNBOUNDED
    assert [label for label in labels if f"| `{label}` |" not in PAGE] == []


@every_metric
def test_the_page_has_its_row(metric: MetricWrapperBase) -> None:
    labels = ", ".join(f"`{label}`" for label in metric._labelnames)
    row = f"| `{name_of(metric)}` | {KINDS[type(metric)]} | {labels} | {owners(metric)} | {text_of(metric)} |"
    assert row in PAGE.splitlines(), f"docs/metrics.md needs this row:\n{row}"


def test_the_page_has_no_row_of_a_metric_that_is_gone() -> None:
    rows = re.findall(r"^\| `(farelark_\w+)` \|", PAGE, re.MULTILINE)
    assert sorted(rows) == sorted(map(name_of, CATALOGUE))


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> CollectorRegistry:
    """A process's metrics, before it has said which service it is."""
    registry = CollectorRegistry()
    for metric in CATALOGUE:
        registry.register(metric)
    monkeypatch.setattr(metrics, "REGISTRY", registry)
    return registry


@pytest.mark.parametrize("service", SERVICES)
def test_a_process_shows_what_all_have_and_what_its_service_has(service: str, registry: CollectorRegistry) -> None:
    metrics.show_only_those_of(service)
    assert set(shown(registry)) == {
        name_of(metric) for metric in CATALOGUE if {"all", service} & {*owners(metric).split(", ")}
    }


def test_only_what_answers_requests_belongs_to_two_services() -> None:
    assert list(metrics.OWN) == SERVICES
    owned = Counts(metric for own in metrics.OWN.values() for metric in own)
    assert {metric for metric, owners in owned.items() if owners > 1} == {metrics.HTTP_REQUESTS, metrics.HTTP_SECONDS}


def shown(registry: CollectorRegistry) -> Iterator[str]:
    return (line.split()[2] for line in generate_latest(registry).decode().splitlines() if line.startswith("# TYPE"))


def test_readiness_is_shown_as_it_is_when_somebody_looks(registry: CollectorRegistry) -> None:
    health = Health()
    assert registry.get_sample_value("farelark_ready") == 0
    health.started = True
    assert registry.get_sample_value("farelark_ready") == 1
    health.away("redis")
    assert registry.get_sample_value("farelark_ready") == 0
