"""The files of `monitoring` and the runbooks as tests read them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from fleet.addresses import REPOSITORY

PROMETHEUS: Final = REPOSITORY / "monitoring" / "prometheus"
RULES: Final = sorted((PROMETHEUS / "rules").glob("*.yml"))
RULE_TESTS: Final = sorted((PROMETHEUS / "tests").glob("*.yml"))
GRAFANA: Final = REPOSITORY / "monitoring" / "grafana"
DASHBOARDS: Final = sorted((GRAFANA / "dashboards").glob("*.json"))
RUNBOOKS: Final = sorted(page for page in (REPOSITORY / "docs" / "runbooks").glob("*.md") if page.name != "README.md")
_BLOCK: Final = re.compile(r"^ *```(?P<language>\w+)\n(?P<text>.*?)^ *```$", re.MULTILINE | re.DOTALL)
_NAME: Final = re.compile(r"`(\w+)`")


class Alert(NamedTuple):
    """An alerting rule."""

    name: str
    labels: dict[str, str]
    annotations: dict[str, str]


def rules() -> Iterator[dict[str, Any]]:
    """All rules as they stand in their files."""
    for file in RULES:
        for group in yaml.safe_load(file.read_bytes())["groups"]:
            yield from group["rules"]


def alerts() -> list[Alert]:
    """All alerting rules."""
    return [Alert(rule["alert"], rule["labels"], rule["annotations"]) for rule in rules() if "alert" in rule]


def panels(dashboard: Path) -> list[dict[str, Any]]:
    """The panels of a dashboard, its rows among them."""
    return list(json.loads(dashboard.read_bytes())["panels"])


def queries(dashboard: Path) -> list[str]:
    """Every query of a dashboard's panels, with Grafana's variables filled in."""
    written = [target["expr"] for panel in panels(dashboard) for target in panel.get("targets", [])]
    return [text.replace("$__rate_interval", "1m").replace("$queue", "fares.ingest") for text in written]


def blocks(page: Path, language: str) -> list[str]:
    """The lines of a page's blocks in this language, each block as one text."""
    return [match["text"] for match in _BLOCK.finditer(page.read_text()) if match["language"] == language]


def alerts_named(page: Path) -> set[str]:
    """The alerts that a runbook says it is for."""
    (line,) = [line for line in page.read_text().splitlines() if line.startswith("Alerts: ")]
    return set(_NAME.findall(line))
