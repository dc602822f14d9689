"""Plots of a cycle as SVG: what was done, what waited, and what every process used of the machine."""

import io
from collections.abc import Callable, Mapping, Sequence
from itertools import cycle
from typing import Final, Literal

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from fleet.bench.cycle.growth import price_workers
from fleet.bench.cycle.result import Result
from fleet.bench.cycle.timeline import Column, Timeline
from fleet.plot_style import COLOURS, STYLE

_OTHERS: Final = "#c9ced6"
_STYLE: Final = STYLE | {"font.size": 10, "axes.titlesize": 12, "legend.fontsize": 9}
_SIZE: Final = (7.2, 3.6)  # inches; a page scales it
_LEAST_SHARE: Final = 0.01  # of all: what used less is among the others
_SERVICES: Final = (
    "price_worker",
    "alert_worker",
    "history_worker",
    "notifier",
    "postgres",
    "rabbitmq",
    "redis",
    "fcm_stand_in",
    "publisher",
)
_MILLION: Final = 1_000_000
_DONE: Final = {"fares": "fares compared", "matched": "changes looked up", "notifications": "notifications concluded"}

Floats = npt.NDArray[np.float64]
Draw = Callable[[Axes, Timeline], None]


def plots(timeline: Timeline, cores: int) -> dict[str, str]:
    """Draw a cycle that has at least two looks.

    Args:
        timeline: of the cycle.
        cores: that the machine has.

    Returns:
        SVG by name.
    """

    def cpu(axes: Axes, timeline: Timeline) -> None:
        _cpu(axes, timeline, cores)

    drawings: dict[str, Draw] = {"done": _done, "queues": _queues, "cpu": cpu, "memory": _memory}
    return {name: _svg(name, draw, timeline) for name, draw in drawings.items()}


def growth(results: Sequence[Result]) -> str:
    """Draw what a fare takes of each process in these cycles, as SVG."""

    def draw(axes: Axes) -> None:
        _growth(axes, results)

    return _drawn("growth", draw)


def _svg(name: str, draw: Draw, timeline: Timeline) -> str:
    def over_time(axes: Axes) -> None:
        draw(axes, timeline)
        axes.set_xlabel("seconds since the first batch")
        axes.set_xlim(left=0, right=timeline.seconds[-1])

    return _drawn(name, over_time)


def _drawn(name: str, draw: Callable[[Axes], None]) -> str:
    with mpl.rc_context(_STYLE | {"svg.hashsalt": name}):
        figure = Figure(figsize=_SIZE, layout="constrained")
        axes = figure.subplots()
        draw(axes)
        axes.set_ylim(bottom=0)
        stacked = bool(axes.collections or axes.patches)  # then the legend too is read from below
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), reverse=stacked)
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    svg = file.getvalue()
    return svg[svg.index("<svg") :]  # without a document type, which has an address


def _growth(axes: Axes, results: Sequence[Result]) -> None:
    cycles = [f"{result.fares / _MILLION:g} M\n{price_workers(result)} price" for result in results]
    used = {service: np.array([_us_a_fare(result, service) for result in results]) for service in _SERVICES}
    height = np.zeros(len(results))
    for (service, column), colour in zip(_most_first(used).items(), cycle(COLOURS), strict=False):
        axes.bar(range(len(cycles)), column, bottom=height, label=service, color=colour, width=0.7)
        height += column
    axes.set_xticks(range(len(cycles)), cycles)
    axes.set_title("What a fare takes")
    axes.set_ylabel("µs of a core")


def _us_a_fare(result: Result, service: str) -> float:
    """Of all processes of a service, which have numbers where there are several."""
    used = sum(process.cpu_seconds for process in result.processes if process.name.startswith(service))
    return used / result.fares * _MILLION


def _done(axes: Axes, timeline: Timeline) -> None:
    for counter, label in _DONE.items():
        total = timeline.done[counter][-1]
        if total:
            share = np.array(timeline.done[counter]) / total * 100
            axes.plot(timeline.seconds, share, linewidth=2, label=f"{label}\n({total:,})")
    axes.set_title("Done")
    axes.set_ylabel("% of all")


def _queues(axes: Axes, timeline: Timeline) -> None:
    for name, ready in timeline.ready.items():
        if any(ready):
            axes.plot(timeline.seconds, ready, linewidth=1.5, label=name)
    axes.set_title("Waiting in queues")
    axes.set_ylabel("messages ready")
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))


def _cpu(axes: Axes, timeline: Timeline, cores: int) -> None:
    _stack(axes, timeline, timeline.seconds[1:], timeline.cores(), step="pre")
    axes.axhline(cores, color="#555555", linestyle="--", linewidth=1, label=f"all {cores} cores")
    axes.set_title("Processor")
    axes.set_ylabel("cores in use")


def _memory(axes: Axes, timeline: Timeline) -> None:
    used = {name: np.array(column, dtype=np.float64) for name, column in timeline.memory_mb.items()}
    _stack(axes, timeline, timeline.seconds, used)
    axes.set_title("Memory")
    axes.set_ylabel("MB")
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))


def _stack(
    axes: Axes,
    timeline: Timeline,
    seconds: Column,
    used: Mapping[str, Floats],
    step: Literal["pre"] | None = None,
) -> None:
    """The processes one upon the other, who uses most below; a process has one colour in all plots."""
    colours = dict(zip(timeline.memory_mb, cycle(COLOURS), strict=False))
    layers = _most_first(used)
    colours_of_layers = [colours.get(name, _OTHERS) for name in layers]
    axes.stackplot(seconds, *layers.values(), labels=list(layers), colors=colours_of_layers, step=step)


def _most_first(columns: Mapping[str, Floats]) -> dict[str, Floats]:
    """The columns by their sums, the small ones as one."""
    least = sum(column.sum() for column in columns.values()) * _LEAST_SHARE
    large = {name: column for name, column in columns.items() if column.sum() > least}
    ordered = dict(sorted(large.items(), key=lambda item: -float(item[1].sum())))
    small = [column for name, column in columns.items() if name not in large]
    return ordered | ({"others": np.sum(small, axis=0)} if small else {})
