"""The command that draws dashboards."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from fleet.commands.surroundings import reporting, sayer
from fleet.monitoring.plotting import FORMATS, plot
from fleet.monitoring.samples import Prometheus, Span
from shared.topology import FARES_INGEST


def plot_dashboard(
    dashboard: Annotated[str, typer.Argument(help="`fleet`, `ingest`, `queue` or `notifier`.")],
    into: Annotated[Path, typer.Option("--into", help="File to write: .png, .svg or .pdf.")],
    prometheus: Annotated[str, typer.Option(help="Root of a Prometheus.")] = "http://127.0.0.1:9090",
    minutes: Annotated[float, typer.Option(min=1, help="How much of the past to show.")] = 60,
    until: Annotated[datetime | None, typer.Option(help="Its end, in UTC.", show_default="now")] = None,
    queue: Annotated[str, typer.Option(help="Which one the dashboard `queue` shows.")] = FARES_INGEST.name,
) -> None:
    """Draw a dashboard of Grafana's from what a Prometheus knows.

    It is for the notes of an incident, and for where there is no Grafana. The dashboards are those in
    monitoring/grafana/dashboards.
    """
    if into.suffix not in FORMATS:
        raise typer.BadParameter(f"{into} ends with none of {', '.join(FORMATS)}")
    span = Span(until.replace(tzinfo=UTC) if until else datetime.now(UTC), timedelta(minutes=minutes))
    with reporting(), Prometheus(prometheus) as server:
        plot(dashboard, server, span, queue, into)
    sayer(Console())(f"{dashboard} is drawn in {into}")
