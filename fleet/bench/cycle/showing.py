"""The result of a measured cycle as JSON and as tables for a person."""

import json
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from fleet.bench.cycle.result import Result


def result_as_json(result: Result) -> str:
    """One JSON object."""
    return json.dumps(asdict(result))


def show_result(result: Result, console: Console) -> None:
    """Print the figures."""
    for table in (_figures(result), _stages(result), _processes(result), _queues(result)):
        console.print(table)


def _figures(result: Result) -> Table:
    table = Table(title="Whole cycle", title_justify="left", show_header=False)
    ages = result.observation_to_push
    rows = {
        "fares compared": f"{result.fares:,}",
        "alerts": f"{result.alerts:,}",
        "changes": f"{result.changes:,}",
        "claims": f"{result.claims:,}",
        "pushes": f"{result.pushes:,}",
        "seconds": f"{result.seconds:,.1f}",
        "fares a second": f"{result.fares_per_second:,}",
        "observation to push, p50 and p99": f"{ages.p50:.1f} s, {ages.p99:.1f} s" if ages else "-",
        "processor time a fare": f"{result.cpu_us_per_fare:.2f} us",
        "books": "balanced" if result.balanced else "NOT BALANCED",
    }
    for name, value in rows.items():
        table.add_row(name, value)
    return table


def _stages(result: Result) -> Table:
    table = _table("Stages", "stage", "seconds", "per second")
    for name, stage in result.stages.items():
        table.add_row(name, f"{stage.seconds:,.1f}", f"{stage.per_second:,}")
    return table


def _processes(result: Result) -> Table:
    table = _table("Processes", "process", "CPU seconds", "peak MB")
    for process in result.processes:
        table.add_row(process.name, f"{process.cpu_seconds:,.1f}", f"{process.peak_mb:,}")
    return table


def _queues(result: Result) -> Table:
    table = _table("Queues", "queue", "most ready", "most in hand")
    for queue in result.queues:
        table.add_row(queue.name, f"{queue.most_ready:,}", f"{queue.most_in_hand:,}")
    return table


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left")
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number else "left")
    return table
