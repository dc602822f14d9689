"""Measured cycles for later readers: cycle.json with all that was seen, cycle.html, and the plots by themselves."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from fleet.bench.cycle.growth import table
from fleet.bench.cycle.measuring import Cycle
from fleet.bench.cycle.plots import growth, plots
from fleet.bench.cycle.result import Result
from fleet.bench.cycle.timeline import timeline

_TEMPLATE: Final = "cycle.html.jinja"


def write_report(cycle: Cycle, folder: Path) -> None:
    """Write the report into a folder, which is made where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    seen, result = cycle.seen, cycle.result
    drawn = plots(timeline(seen.cycle, seen.published.began), int(result.machine["cores"]))
    whole = timeline(seen.samples, seen.published.began)
    (folder / "cycle.json").write_text(json.dumps({"result": asdict(result), "timeline": asdict(whole)}) + "\n")
    (folder / "cycle.html").write_text(page(cycle, drawn))
    for name, svg in drawn.items():
        (folder / f"{name}.svg").write_text(svg)


def write_growth(results: Sequence[Result], folder: Path) -> None:
    """Write how several cycles compare into a folder: growth.md, a table, and growth.svg."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "growth.md").write_text(table(results))
    (folder / "growth.svg").write_text(growth(results))


def page(cycle: Cycle, drawn: Mapping[str, str]) -> str:
    """One page of HTML that needs nothing else, with these plots."""
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    began = datetime.fromtimestamp(cycle.seen.published.began, UTC)
    return templates.get_template(_TEMPLATE).render(
        result=cycle.result, plots=drawn, began=began, faults=cycle.result.ledger.faults()
    )
