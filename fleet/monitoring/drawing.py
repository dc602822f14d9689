"""Draws a dashboard as one picture: its panels where Grafana has them."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from fleet.monitoring.dashboards import Dashboard, Panel, Place
from fleet.monitoring.samples import Series, Span
from fleet.monitoring.units import said
from fleet.plot_style import STYLE

_COLOURS: Final = {"green": "#cdeedd", "yellow": "#fbe7b5", "red": "#f6c0ae"}
_LIMIT: Final = "#D55E00"
_ABSENT: Final = "#8a929b"
_SIZES: Final = {"font.size": 8, "axes.titlesize": 9, "legend.fontsize": 7, "lines.linewidth": 1.2}
_STYLE: Final = STYLE | _SIZES | {"date.converter": "concise"}
_COLUMNS: Final = 24  # of Grafana's grid
_COLUMN_IN: Final = 0.66
_ROW_IN: Final = 0.34
_HEADING_IN: Final = 0.5
_DOTS_PER_INCH: Final = 110
_MARGINS_IN: Final = (0.55, 0.4, 0.1, 0.25)  # of a panel, for what is written there: left, bottom, right, top
_MOST_NAMES: Final = 8  # in a legend: more would leave no room for the lines

# The lines of each panel, in the dashboard's order.
Drawn = Sequence[tuple[Panel, Sequence[Series]]]


def draw(dashboard: Dashboard, drawn: Drawn, span: Span, file: Path) -> None:
    """Write the picture, in the format that the file's ending names.

    Args:
        dashboard: whose panels they are.
        drawn: the panels with their lines.
        span: of time, for all of them.
        file: where to.
    """
    with mpl.rc_context(_STYLE):
        rows = max(panel.place.y + panel.place.height for panel, _ in drawn)
        size = (_COLUMNS * _COLUMN_IN, rows * _ROW_IN + _HEADING_IN)
        figure = Figure(figsize=size, dpi=_DOTS_PER_INCH)
        heading = f"{dashboard.title}, {span.start:%Y-%m-%d %H:%M} to {span.end:%H:%M} UTC"
        figure.text(0.01, 1 - _HEADING_IN / 2 / size[1], heading, fontsize=13, weight="bold", va="center")
        for panel, series in drawn:
            _panel(figure, panel, series, span)
        figure.savefig(file)


def _panel(figure: Figure, panel: Panel, series: Sequence[Series], span: Span) -> None:
    left, bottom, width, height = _box(panel.place, *figure.get_size_inches())
    if panel.kind == "row":
        figure.text(0.01, bottom + height / 2, panel.title, fontsize=11, weight="bold", va="center")
        return
    axes = figure.add_axes((left, bottom, width, height))
    axes.set_title(panel.title)
    if panel.kind == "stat":
        _stat(axes, panel, series)
    else:
        _graph(axes, panel, series, span)


def _box(place: Place, width: float, height: float) -> tuple[float, float, float, float]:
    """Where a panel's axes lie: left, bottom, width and height as shares of a picture of so many inches."""
    left, bottom, right, top = _MARGINS_IN
    below = height - _HEADING_IN - (place.y + place.height) * _ROW_IN
    return (
        (place.x * _COLUMN_IN + left) / width,
        (below + bottom) / height,
        (place.width * _COLUMN_IN - left - right) / width,
        (place.height * _ROW_IN - bottom - top) / height,
    )


def _stat(axes: Axes, panel: Panel, series: Sequence[Series]) -> None:
    """The last value that is a number, on the colour of its threshold."""
    axes.set(xticks=[], yticks=[])
    numbers = [value for line in series[:1] for value in line.values if not math.isnan(value)]
    if not numbers:
        _no_data(axes)
        return
    value = numbers[-1]
    axes.set_facecolor(_COLOURS.get(_colour(panel, value), "white"))
    text = (panel.texts or {}).get(f"{value:g}", said(value, panel.unit))
    axes.text(0.5, 0.5, text, fontsize=17, ha="center", va="center", transform=axes.transAxes)


def _colour(panel: Panel, value: float) -> str:
    """Of the last step that the value has reached."""
    reached = [colour for least, colour in panel.steps if least is None or value >= least]
    return reached[-1] if reached else ""


def _graph(axes: Axes, panel: Panel, series: Sequence[Series], span: Span) -> None:
    if not series:
        _no_data(axes)
    for line in series:
        axes.plot(line.times, line.values, label=line.name)  # type: ignore[arg-type]  # it takes datetimes
    axes.set_xlim(span.start, span.end)  # type: ignore[arg-type]  # likewise
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: said(value, panel.unit)))
    axes.xaxis.get_offset_text().set_visible(False)  # the day stands in the heading
    for limit in (least for least, _ in panel.steps if least is not None):
        axes.axhline(limit, color=_LIMIT, linestyle="--", linewidth=1)
    if named := axes.lines[: min(len(series), _MOST_NAMES)]:
        axes.legend(handles=named, loc="upper left", ncols=2)


def _no_data(axes: Axes) -> None:
    axes.text(0.5, 0.5, "no data", ha="center", va="center", color=_ABSENT, transform=axes.transAxes)
