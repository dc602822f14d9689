"""Several measured cycles side by side: how time and processor time grow with the fares."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from fleet.bench.cycle.result import Result
from shared.errors import ConfigurationError

_REPORT: Final = "cycle.json"
_MILLION: Final = 1_000_000
_HEADINGS: Final = (
    "fares",
    "alerts",
    "price workers",
    "seconds",
    "fares/s",
    "changes",
    "pushes",
    "observation to push, p50 / p99",
    "µs of a core a fare",
    "Redis MB",
)


class _Report(msgspec.Struct):
    """What is read of a report."""

    result: Result


def read_results(folders: Sequence[Path]) -> list[Result]:
    """The results of the reports in these folders, by fares and price workers.

    Raises:
        ConfigurationError: a folder has no report.
    """
    return sorted(map(_read, folders), key=lambda result: (result.fares, price_workers(result)))


def price_workers(result: Result) -> int:
    """How many shared the fares."""
    return sum(process.name.startswith("price_worker") for process in result.processes)


def table(results: Sequence[Result]) -> str:
    """The figures as a table in Markdown, a line a cycle."""
    lines = [_HEADINGS, ("---:",) * len(_HEADINGS), *map(_row, results)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _read(folder: Path) -> Result:
    try:
        return msgspec.json.decode((folder / _REPORT).read_bytes(), type=_Report).result
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigurationError(f"{folder} has no report: write one with `bench cycle --report {folder}`") from error


def _row(result: Result) -> tuple[str, ...]:
    ages = result.observation_to_push
    redis = sum(process.peak_mb for process in result.processes if process.name == "redis")
    return (
        f"{result.fares / _MILLION:g} M",
        f"{result.alerts:,}",
        str(price_workers(result)),
        f"{result.seconds:.1f}",
        f"{result.fares_per_second:,}",
        f"{result.changes:,}",
        f"{result.pushes:,}",
        f"{ages.p50:.1f} s / {ages.p99:.1f} s" if ages else "-",
        f"{result.cpu_us_per_fare:.2f}",
        f"{redis:,}",
    )
