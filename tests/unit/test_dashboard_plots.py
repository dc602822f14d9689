"""A dashboard is drawn from what Prometheus answers, without Grafana."""

import json
import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET  # our own output

import httpx
import pytest

from fleet.monitoring import dashboards
from fleet.monitoring.dashboards import Query
from fleet.monitoring.plotting import plot
from fleet.monitoring.samples import Prometheus, Span, variables_of
from fleet.monitoring.units import said
from shared.errors import ConfigurationError, UnavailableError

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SPAN = Span(NOON, timedelta(minutes=20))


class StandIn:
    """A Prometheus that scrapes every 15 s and knows a line for every query."""

    def __init__(self, values: dict[str, list[str]]) -> None:
        self.asked: list[dict[str, str]] = []
        self._values = values  # by a part of the query

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/targets"):
            targets = [{"scrapeInterval": "15s"}, {"scrapeInterval": "5s"}]
            return _success({"activeTargets": targets})
        parameters = dict(request.url.params)
        self.asked.append(parameters)
        known = next((values for part, values in self._values.items() if part in parameters["query"]), [])
        points = [[float(parameters["start"]) + 60 * i, value] for i, value in enumerate(known)]
        return _success({"result": [{"metric": {"queue": "fares.ingest"}, "values": points}] if points else []})


def _success(data: dict[str, Any]) -> httpx.Response:
    return httpx.Response(200, json={"status": "success", "data": data})


@pytest.fixture
def stand_in() -> StandIn:
    return StandIn({"server_up": ["0", "2"], "fares_total": ["1", "3", "2"], "pushes_stopped": ["1"], "30d": ["NaN"]})


@pytest.fixture
def prometheus(stand_in: StandIn) -> Iterator[Prometheus]:
    with Prometheus("http://prometheus", httpx.MockTransport(stand_in)) as server:
        yield server


def words_of(picture: Path) -> list[str]:
    """The texts of an SVG."""
    return ["".join(element.itertext()) for element in ET.parse(picture).iter() if element.tag.endswith("}text")]  # noqa: S314  # our own output


@pytest.mark.parametrize("name", ["fleet", "ingest", "notifier"])
def test_a_picture_has_every_panel_of_the_dashboard(prometheus: Prometheus, tmp_path: Path, name: str) -> None:
    plot(name, prometheus, SPAN, "fares.ingest", tmp_path / "dashboard.svg")
    words = words_of(tmp_path / "dashboard.svg")
    dashboard = dashboards.load(name)
    for panel in dashboard.panels:
        assert panel.title in words
    assert f"{dashboard.title}, 2026-11-22 11:40 to 12:00 UTC" in words


def test_a_value_is_said_in_words_where_the_dashboard_has_some(prometheus: Prometheus, tmp_path: Path) -> None:
    plot("fleet", prometheus, SPAN, "fares.ingest", tmp_path / "fleet.svg")
    words = words_of(tmp_path / "fleet.svg")
    assert "2" in words  # servers away
    assert "stopped" in words
    assert "go out" not in words
    assert "no data" in words


def test_the_picture_of_a_queue_is_that_queues(prometheus: Prometheus, stand_in: StandIn, tmp_path: Path) -> None:
    plot("queue", prometheus, SPAN, "alerts.evaluate", tmp_path / "queue.png")
    assert (tmp_path / "queue.png").read_bytes().startswith(b"\x89PNG")
    queries = [parameters["query"] for parameters in stand_in.asked]
    assert not [query for query in queries if "$" in query]
    assert any('queue="alerts.evaluate"' in query for query in queries)


def test_queries_span_the_time_asked_for_in_steps_that_a_graph_can_show(
    prometheus: Prometheus, stand_in: StandIn
) -> None:
    prometheus.series(Query("up", ""), SPAN, {})
    (asked,) = stand_in.asked
    assert float(asked["end"]) == NOON.timestamp()
    assert float(asked["start"]) == (NOON - timedelta(minutes=20)).timestamp()
    assert float(asked["step"]) == 5


def test_a_line_is_called_by_its_labels(prometheus: Prometheus) -> None:
    (series,) = prometheus.series(Query("farelark_fares_total", "of {{queue}}"), SPAN, {})
    assert series.name == "of fares.ingest"
    assert series.values == [1, 3, 2]
    assert series.times[1] - series.times[0] == timedelta(minutes=1)


@pytest.mark.parametrize(("scraped_every", "minutes", "window"), [(15, 20, "60s"), (1, 4, "4s"), (1, 240, "60s")])
def test_a_rate_looks_at_four_scrapes_or_one_step(scraped_every: float, minutes: int, window: str) -> None:
    span = Span(NOON, timedelta(minutes=minutes))
    assert variables_of("q", span, scraped_every)["__rate_interval"] == window


def test_the_longest_scrape_interval_counts(prometheus: Prometheus) -> None:
    assert prometheus.scrape_interval() == 15


def test_a_query_that_prometheus_refuses_is_an_error_with_its_words() -> None:
    def refuse(_: httpx.Request) -> httpx.Response:
        return httpx.Response(400, json={"status": "error", "error": "parse error"})

    with (
        Prometheus("http://prometheus", httpx.MockTransport(refuse)) as server,
        pytest.raises(UnavailableError, match=r"prometheus is unavailable: parse error in .*'query': 'nonsense\('"),
    ):
        server.series(Query("nonsense(", ""), SPAN, {})


@pytest.mark.parametrize("answer", [httpx.Response(502, text="<html>"), httpx.ConnectError("refused")])
def test_a_prometheus_that_is_away_is_an_error(answer: httpx.Response | httpx.ConnectError) -> None:
    def end(_: httpx.Request) -> httpx.Response:
        if isinstance(answer, httpx.ConnectError):
            raise answer
        return answer

    with Prometheus("http://prometheus", httpx.MockTransport(end)) as server, pytest.raises(UnavailableError):
        server.scrape_interval()


def test_an_address_that_is_none_is_named() -> None:
    with Prometheus("prometheus:9090") as server, pytest.raises(ConfigurationError, match="no address such as http://"):
        server.scrape_interval()


def test_a_dashboard_that_does_not_exist_is_told_with_those_that_do(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text(json.dumps({"title": "One", "panels": []}))
    assert dashboards.load("one", tmp_path).title == "One"
    with pytest.raises(ConfigurationError, match="there is no dashboard 'two'; there are one"):
        dashboards.load("two", tmp_path)
    with pytest.raises(ConfigurationError, match=re.escape(f"none: {tmp_path / 'nowhere'} is missing")):
        dashboards.load("one", tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "s", "0 s"),
        (0.25, "s", "250 ms"),
        (60, "s", "60 s"),
        (150, "s", "2.5 min"),
        (10_800, "s", "3 h"),
        (6 * 86_400, "s", "6 d"),
        (0.0123, "percentunit", "1.23 %"),
        (1_330_000, "ops", "1.33 M/s"),
        (14, "d", "14 d"),
        (0.5, "short", "0.5"),
        (math.nan, "percentunit", "-"),
    ],
)
def test_numbers_are_said_with_their_unit(value: float, unit: str, text: str) -> None:
    assert said(value, unit) == text
