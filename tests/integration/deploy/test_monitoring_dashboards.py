"""The dashboards can be loaded by Grafana, explain themselves, and ask for metrics that there are."""

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import Metric
from prometheus_client.metrics import MetricWrapperBase

from shared import metrics
from tests.integration.deploy.monitoring_files import DASHBOARDS, GRAFANA, panels, queries, rules

_OURS = re.compile(r"\bfarelark_[a-z_]+")
_LABELS = re.compile(r"\b(farelark_[a-z_]+)\{([^}]*)\}")
_LABEL = re.compile(r'(\w+)\s*[=!]~?"')
_BY_PROMETHEUS = {"le", "service", "instance", "job"}

every_dashboard = pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda file: file.stem)


@every_dashboard
def test_a_dashboard_takes_its_data_source_from_a_variable(dashboard: Path) -> None:
    document = json.loads(dashboard.read_bytes())
    assert document["templating"]["list"][0]["type"] == "datasource"
    assert data_sources(document) == {"${datasource}"}
    assert document["uid"] == f"farelark-{dashboard.stem}"


def data_sources(node: object) -> set[str]:
    """The uid of every data source that is asked, wherever it stands."""
    if isinstance(node, list):
        return {uid for each in node for uid in data_sources(each)}
    if not isinstance(node, dict):
        return set()
    here = {node["datasource"]["uid"]} if isinstance(node.get("datasource"), dict) else set()
    return here | {uid for each in node.values() for uid in data_sources(each)}


@every_dashboard
def test_a_panel_has_a_title_a_unit_and_says_what_is_normal(dashboard: Path) -> None:
    for panel in (panel for panel in panels(dashboard) if panel["type"] != "row"):
        assert panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert all(target["expr"] and target["legendFormat"] for target in panel["targets"])


@every_dashboard
def test_panels_have_ids_of_their_own_and_lie_beside_each_other(dashboard: Path) -> None:
    every = panels(dashboard)
    assert len({panel["id"] for panel in every}) == len(every)
    assert len({panel["title"] for panel in every}) == len(every)
    for one, other in combinations([panel["gridPos"] for panel in every], 2):
        assert apart(one, other), (one, other)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in every)


def apart(one: dict[str, int], other: dict[str, int]) -> bool:
    """Whether two panels do not cover each other."""
    return (
        one["x"] + one["w"] <= other["x"]
        or other["x"] + other["w"] <= one["x"]
        or one["y"] + one["h"] <= other["y"]
        or other["y"] + other["h"] <= one["y"]
    )


@pytest.fixture(scope="module")
def catalogue() -> dict[str, set[str]]:
    """The labels of every series in the catalogue of metrics, by its name."""
    every = [value for value in vars(metrics).values() if isinstance(value, MetricWrapperBase)]
    return {name: set(metric._labelnames) for metric in every for name in names_of(next(iter(metric.describe())))}


def names_of(family: Metric) -> set[str]:
    """The names of a family's series."""
    endings = {"histogram": ("_bucket", "_count", "_sum"), "counter": ("_total",)}
    return {family.name + ending for ending in endings.get(family.type, ("",))}


def asked_of(texts: list[str], catalogue: dict[str, set[str]]) -> None:
    """Queries ask for metrics of the catalogue only, and by labels that these have."""
    for text in texts:
        assert set(_OURS.findall(text)) - set(catalogue) == set(), text
        for name, selector in _LABELS.findall(text):
            assert set(_LABEL.findall(selector)) - catalogue[name] - _BY_PROMETHEUS == set(), text


@every_dashboard
def test_a_dashboard_asks_for_metrics_of_the_catalogue(dashboard: Path, catalogue: dict[str, set[str]]) -> None:
    asked_of(queries(dashboard), catalogue)


def test_rules_ask_for_metrics_of_the_catalogue(catalogue: dict[str, set[str]]) -> None:
    asked_of([rule["expr"] for rule in rules()], catalogue)


@pytest.mark.parametrize("query", ["rate(farelark_nothing_total[1m])", 'farelark_messages_total{colour="red"}'])
def test_a_metric_or_a_label_that_does_not_exist_is_found(query: str, catalogue: dict[str, set[str]]) -> None:
    """Or the tests above could not fail."""
    with pytest.raises(AssertionError, match=r"nothing_total|colour"):
        asked_of([query], catalogue)


def test_grafana_finds_prometheus_and_the_dashboards_by_itself() -> None:
    (source,) = provisioned("datasources/prometheus.yml")["datasources"]
    assert source["type"] == "prometheus"
    (provider,) = provisioned("dashboards/farelark.yml")["providers"]
    assert provider["type"] == "file"


def provisioned(path: str) -> dict[str, Any]:
    """A file of Grafana's provisioning."""
    return dict(yaml.safe_load((GRAFANA / "provisioning" / path).read_bytes()))
