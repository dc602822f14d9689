"""A real Prometheus beside a running fleet, and the names that queries use."""

import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import yaml

from fleet.addresses import Service
from fleet.servers import prometheus
from fleet.servers.children import children_in
from fleet.servers.prometheus import Prometheus

_EVERY_S: Final = 2
_PATIENCE_S: Final = 60.0
# What stands in a query beside names of metrics, in the order in which it is taken out.
_TEXTS: Final = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'')
_SELECTORS_AND_RANGES: Final = re.compile(r"\{[^}]*\}|\[[^\]]*\]")
_LABEL_LISTS: Final = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
_DURATIONS: Final = re.compile(r"\boffset\s+-?\w+")
_FUNCTIONS: Final = re.compile(r"\b[a-z_0-9]+\s*(?=\()")
_WORDS: Final = {
    "and",
    "or",
    "unless",
    "bool",
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
    "inf",
    "nan",
}
_NAMES: Final = re.compile(r"(?<![\w:])[a-zA-Z_:][\w:]*")
_GRAFANA: Final = re.compile(r"\$__\w+|\$\{__\w+\}")


class Scraper:
    """What a Prometheus knows."""

    def __init__(self, server: Prometheus) -> None:
        self._client = httpx.Client(base_url=server.url, timeout=10)

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series of an instant query; what Prometheus cannot read fails the test."""
        return list(self._get("query", query=expression)["result"])

    def names(self) -> set[str]:
        """Of all series there are, and of those that families without a sample would have."""
        families = {
            family + suffix
            for family, (facts, *_) in self._get("metadata").items()
            for suffix in (("_bucket", "_count", "_sum") if facts["type"] == "histogram" else ("",))
        }
        return families | set(self._get("label/__name__/values"))

    def targets(self) -> list[tuple[str, str]]:
        """The service and the health of each process that is scraped."""
        active = self._get("targets")["activeTargets"]
        return sorted((target["labels"]["service"], target["health"]) for target in active)

    def scraped_since(self, instant: datetime) -> bool:
        """Whether every process has been."""
        active = self._get("targets")["activeTargets"]
        return bool(active) and all(datetime.fromisoformat(target["lastScrape"]) > instant for target in active)

    def rules(self) -> list[dict[str, Any]]:
        """All rules."""
        return [rule for group in self._get("rules")["groups"] for rule in group["rules"]]

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _get(self, what: str, **parameters: str) -> Any:  # noqa: ANN401  # JSON
        answer = self._client.get(f"/api/v1/{what}", params=parameters)
        assert answer.is_success, f"{parameters}: {answer.text}"
        return answer.json()["data"]


@contextmanager
def scraping(folder: Path, services: Sequence[Service], rules: Path) -> Iterator[Scraper]:
    """Have a Prometheus of its own scrape these processes and evaluate these rules while the block runs."""
    targets = defaultdict(list)
    for service in services:
        targets[service.name.partition("-")[0]].append(urlsplit(service.ops).netloc)
    with children_in(folder, print) as children:
        server = prometheus.launch(children, folder / "prometheus", targets, _hurried(rules, folder), _EVERY_S)
        children.wait_ready(server)
        scraper = Scraper(server)
        try:
            yield scraper
        finally:
            scraper.close()


def _hurried(rules: Path, folder: Path) -> Path:
    """The same rules in a folder of their own, without the intervals in which those over weeks are evaluated."""
    hurried = folder / "rules"
    hurried.mkdir()
    for file in rules.glob("*.yml"):
        groups = yaml.safe_load(file.read_text())["groups"]
        for group in groups:
            group.pop("interval", None)
        (hurried / file.name).write_text(yaml.safe_dump({"groups": groups}))
    return hurried


def settles(look: Callable[[], object], expected: object) -> None:
    """Look until it is as expected: a scrape that a busy machine let fail makes its series vanish for a moment."""
    deadline = time.monotonic() + _PATIENCE_S
    while (found := look()) != expected and time.monotonic() < deadline:
        time.sleep(0.1)
    assert found == expected


def names_in(expression: str) -> set[str]:
    """The metrics that a query asks for."""
    for taken_out in (_TEXTS, _SELECTORS_AND_RANGES, _LABEL_LISTS, _DURATIONS, _FUNCTIONS):
        expression = taken_out.sub(" ", expression)
    return {name for name in _NAMES.findall(expression) if name.lower() not in _WORDS}


def without_variables(expression: str) -> str:
    """A dashboard's query as Grafana sends it: intervals of a minute; the dashboard's own variables match nothing."""
    return _GRAFANA.sub("1m", expression)
