"""What a Prometheus answers to a dashboard's queries over a span of time."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Final, Self

import httpx

from fleet.monitoring.dashboards import Query
from shared.errors import ConfigurationError, UnavailableError

_TIMEOUT_S: Final = 30.0
_POINTS: Final = 240  # of a line: more than a small graph can show
_SCRAPES_IN_A_RATE: Final = 4  # as Grafana has it: one scrape may fail, and a rate needs two
_DURATION: Final = re.compile(r"(\d+)(ms|s|m|h)")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True)
class Series:
    """One line: its name, and its values by instant in UTC."""

    name: str
    times: list[datetime]
    values: list[float]


@dataclass(frozen=True, slots=True)
class Span:
    """What is looked at."""

    end: datetime
    length: timedelta

    @property
    def start(self) -> datetime:
        """Its first instant."""
        return self.end - self.length

    @property
    def step(self) -> float:
        """Seconds between two points of a line, at least one."""
        return max(1.0, round(self.length.total_seconds() / _POINTS))


class Prometheus:
    """Asks one server.

    Args:
        url: its root.
        transport: in place of the network, for tests.
    """

    def __init__(self, url: str, transport: httpx.BaseTransport | None = None) -> None:
        self._client = httpx.Client(base_url=url, timeout=_TIMEOUT_S, transport=transport)

    def __enter__(self) -> Self:
        """Nothing is asked yet."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close the connections."""
        self._client.close()

    def scrape_interval(self) -> float:
        """The seconds between two scrapes of its targets, the longest of them; 0 if it has none.

        Raises:
            UnavailableError: it does not answer.
        """
        targets = self._get("targets", state="active")["activeTargets"]
        return max((_seconds(target["scrapeInterval"]) for target in targets), default=0.0)

    def series(self, query: Query, span: Span, variables: Mapping[str, str]) -> list[Series]:
        """The lines of a query.

        Args:
            query: of a dashboard.
            span: of time.
            variables: what stands for `$name` in it.

        Raises:
            UnavailableError: it does not answer, or not to this.
        """
        found = self._get(
            "query_range",
            query=filled_in(query.expression, variables),
            start=str(span.start.timestamp()),
            end=str(span.end.timestamp()),
            step=str(span.step),
        )
        return [_series(query.legend, each) for each in found["result"]]

    def _get(self, what: str, **parameters: str) -> Any:  # noqa: ANN401  # JSON
        with _answering():
            answer = self._client.get(f"/api/v1/{what}", params=parameters)
            document = answer.json()
        if document.get("status") != "success":
            raise UnavailableError("prometheus", f"{document.get('error', answer.status_code)} in {parameters}")
        return document["data"]


def variables_of(queue: str, span: Span, scrape_interval: float) -> dict[str, str]:
    """What a dashboard's variables stand for."""
    rate = max(_SCRAPES_IN_A_RATE * scrape_interval, span.step)
    return {"queue": queue, "__rate_interval": f"{rate:.0f}s"}


def filled_in(text: str, variables: Mapping[str, str]) -> str:
    """The text with values in the place of `$name`."""
    for name, value in variables.items():
        text = text.replace(f"${name}", value)
    return text


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise ConfigurationError(f"--prometheus is no address such as http://127.0.0.1:9090: {error}") from error
    except (httpx.HTTPError, ValueError) as error:
        raise UnavailableError("prometheus", type(error).__name__) from error


def _series(legend: str, found: Mapping[str, Any]) -> Series:
    name = legend
    for label, value in found["metric"].items():
        name = name.replace("{{" + label + "}}", value)
    times = [datetime.fromtimestamp(float(instant), UTC) for instant, _ in found["values"]]
    return Series(name, times, [float(value) for _, value in found["values"]])


def _seconds(duration: str) -> float:
    """Read a duration as Prometheus writes it, such as `1m30s`."""
    return sum(int(number) * _SECONDS[unit] for number, unit in _DURATION.findall(duration))
