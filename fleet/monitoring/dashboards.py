"""The dashboards in `monitoring/grafana/dashboards`, as far as it takes to draw them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from fleet.addresses import REPOSITORY
from shared.errors import ConfigurationError

FOLDER: Final = REPOSITORY / "monitoring" / "grafana" / "dashboards"


class Place(NamedTuple):
    """Where a panel lies on Grafana's grid of 24 columns."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Query:
    """PromQL with Grafana's variables in it, and what its series are called: text with `{{label}}` in it."""

    expression: str
    legend: str


@dataclass(frozen=True, slots=True)
class Panel:
    """A heading, a single value or a graph.

    Attributes:
        kind: `row`, `stat` or `timeseries`, as Grafana says it.
        unit: Grafana's name of it.
        steps: colours by the value from which they hold, from the lowest on, for which there is None.
        texts: what to show in place of a value.
    """

    title: str
    kind: str
    place: Place
    unit: str = "short"
    queries: tuple[Query, ...] = ()
    steps: tuple[tuple[float | None, str], ...] = ()
    texts: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A page of panels."""

    title: str
    panels: tuple[Panel, ...]


def names(folder: Path = FOLDER) -> list[str]:
    """The dashboards that there are."""
    return sorted(file.stem for file in folder.glob("*.json"))


def load(name: str, folder: Path = FOLDER) -> Dashboard:
    """Read a dashboard.

    Raises:
        ConfigurationError: there is none of this name; says which there are.
    """
    if name not in names(folder):
        known = ", ".join(names(folder)) or f"none: {folder} is missing or empty"
        raise ConfigurationError(f"there is no dashboard {name!r}; there are {known}")
    document = json.loads((folder / f"{name}.json").read_bytes())
    return Dashboard(document["title"], tuple(map(_panel, document["panels"])))


def _panel(panel: Mapping[str, Any]) -> Panel:
    grid = panel["gridPos"]
    defaults = panel.get("fieldConfig", {}).get("defaults", {})
    return Panel(
        title=panel["title"],
        kind=panel["type"],
        place=Place(grid["x"], grid["y"], grid["w"], grid["h"]),
        unit=defaults.get("unit", "short"),
        queries=tuple(Query(target["expr"], target["legendFormat"]) for target in panel.get("targets", [])),
        steps=tuple((step["value"], step["color"]) for step in defaults.get("thresholds", {}).get("steps", [])),
        texts={
            value: shown["text"]
            for mapping in defaults.get("mappings", [])
            for value, shown in mapping["options"].items()
        },
    )
