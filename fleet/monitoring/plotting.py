"""From the name of a dashboard to its picture."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from fleet.monitoring import dashboards
from fleet.monitoring.samples import Prometheus, Series, Span, filled_in, variables_of

FORMATS: Final = (".png", ".svg", ".pdf")


def plot(name: str, prometheus: Prometheus, span: Span, queue: str, file: Path) -> None:
    """Draw a dashboard.

    Args:
        name: of its file, without the ending.
        prometheus: whose samples it shows.
        span: of time.
        queue: that the dashboard of one queue is to show.
        file: to write, with one of the endings of `FORMATS`.

    Raises:
        ConfigurationError: there is no such dashboard.
        UnavailableError: Prometheus does not answer.
    """
    from fleet.monitoring.drawing import draw  # noqa: PLC0415  # plots take long to load, for one command

    dashboard = dashboards.load(name)
    variables = variables_of(queue, span, prometheus.scrape_interval())
    drawn = [
        (replace(panel, title=filled_in(panel.title, variables)), _series(panel, prometheus, span, variables))
        for panel in dashboard.panels
    ]
    draw(dashboard, drawn, span, file)


def _series(panel: dashboards.Panel, prometheus: Prometheus, span: Span, variables: Mapping[str, str]) -> list[Series]:
    return [series for query in panel.queries for series in prometheus.series(query, span, variables)]
