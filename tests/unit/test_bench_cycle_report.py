"""The report of a measured cycle can be read anywhere and by anything: one page, its plots, and all the numbers."""

import json
import re
from dataclasses import asdict, replace
from pathlib import Path
from xml.etree import ElementTree as ET  # our own output

import pytest

from fleet.bench.cycle.growth import read_results
from fleet.bench.cycle.report import write_growth, write_report
from fleet.bench.cycle.timeline import timeline
from shared.errors import ConfigurationError
from tests.unit.bench_cycles import BALANCED, BEGAN, SAMPLES, measured

PLOTS = ("done", "queues", "cpu", "memory")
# Names of XML's namespaces look like addresses; nobody fetches them.
ADDRESS = re.compile(r"https?://(?!www\.w3\.org/(?:2000/svg|1999/xlink))")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("report") / "of" / "a cycle"
    write_report(measured(), made)
    return made


def test_the_page_needs_nothing_from_elsewhere(folder: Path) -> None:
    page = (folder / "cycle.html").read_text()
    assert ADDRESS.search(page) is None
    assert re.search(r"<(link|script|img|iframe)\\b", page) is None
    assert "@import" not in page


def test_the_page_shows_every_plot_and_the_figures(folder: Path) -> None:
    page = (folder / "cycle.html").read_text()
    assert page.count("<svg") == len(PLOTS)
    for figure in ("A cycle of 1,000 fares", "2.4 s", "417", "1.2 s", "2.0 s", "4,000.0 µs", "the books balance"):
        assert figure in page, figure
    for row in (("price", "3.0", "333"), ("redis", "2.0", "100"), ("fares.ingest", "7", "4"), ("claims", "12")):
        assert "<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" in page, row
    assert "./farelark bench cycle --fares 1000" in page


def test_what_the_machine_says_of_itself_is_text_and_no_markup(folder: Path) -> None:
    assert "Some &lt;processor&gt;" in (folder / "cycle.html").read_text()


def test_books_that_do_not_balance_are_told_at_the_top(tmp_path: Path) -> None:
    write_report(measured(replace(BALANCED, changes=199)), tmp_path)
    page = (tmp_path / "cycle.html").read_text()
    assert "the books do not balance: 199 changes were published, 200 are expected" in page
    assert "the books balance" not in page


def test_a_cycle_without_pushes_has_a_page_too(tmp_path: Path) -> None:
    cycle = measured()
    write_report(replace(cycle, result=replace(cycle.result, observation_to_push=None)), tmp_path)
    assert "from observation to push" not in (tmp_path / "cycle.html").read_text()


@pytest.mark.parametrize("name", PLOTS)
def test_each_plot_is_a_file_of_its_own_that_scales(name: str, folder: Path) -> None:
    svg = ET.fromstring((folder / f"{name}.svg").read_text())  # noqa: S314  # our own output
    assert svg.tag == "{http://www.w3.org/2000/svg}svg"
    assert "viewBox" in svg.attrib
    texts = " ".join("".join(element.itertext()) for element in svg.iter("{http://www.w3.org/2000/svg}text"))
    assert "seconds since the first batch" in texts


def test_a_report_of_the_same_cycle_is_the_same(folder: Path, tmp_path: Path) -> None:
    write_report(measured(), tmp_path)
    assert (tmp_path / "cycle.html").read_text() == (folder / "cycle.html").read_text()


def test_the_json_has_the_result_and_all_that_was_seen(folder: Path) -> None:
    report = json.loads((folder / "cycle.json").read_text())
    assert report["result"] == json.loads(json.dumps(asdict(measured().result)))
    assert report["timeline"]["seconds"] == [-0.5, 1.0, 2.5]
    assert report["timeline"]["done"]["fares"] == [0, 500, 1_000]
    assert report["timeline"]["ready"]["changes.alerts"] == [0, 7, 0]
    assert report["timeline"]["cpu_seconds"]["redis"] == [0, 1, 2]


def test_processor_time_between_two_looks_is_cores_in_use() -> None:
    cores = timeline(SAMPLES, BEGAN).cores()
    assert cores["redis"].tolist() == pytest.approx([1 / 1.5, 1 / 1.5])


def test_a_process_that_comes_later_has_used_nothing_before() -> None:
    first, *others = SAMPLES
    late = replace(first, used={name: usage for name, usage in first.used.items() if name != "redis"})
    assert timeline([late, *others], BEGAN).cpu_seconds["redis"] == [0, 1, 2]


def test_a_process_that_has_ended_keeps_what_it_used() -> None:
    *others, last = SAMPLES
    ended = replace(last, used={name: used for name, used in last.used.items() if name != "redis"})
    columns = timeline([*others, ended], BEGAN)
    assert columns.cpu_seconds["redis"] == [0, 1, 1]
    assert columns.memory_mb["redis"][-1] == 0


def test_several_cycles_are_compared_in_a_table_and_a_plot(tmp_path: Path) -> None:
    small, large = measured(), measured()
    large = replace(large, result=replace(large.result, fares=40_000_000, observation_to_push=None))
    folders = []
    for name, cycle in (("large", large), ("small", small)):
        write_report(cycle, tmp_path / name)
        folders.append(tmp_path / name)
    results = read_results(folders)
    assert results == [small.result, large.result], "by size"
    write_growth(results, tmp_path / "growth")
    lines = (tmp_path / "growth" / "growth.md").read_text().splitlines()
    assert [line.split(" | ")[0] for line in lines] == ["| fares", "| ---:", "| 0.001 M", "| 40 M"]
    plot = (tmp_path / "growth" / "growth.svg").read_text()
    assert ADDRESS.search(plot) is None
    assert {"price_worker", "redis"} <= set(re.findall(r"<text[^>]*>([^<]*)</text>", plot))


def test_a_folder_without_a_report_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"has no report: write one with `bench cycle --report"):
        read_results([tmp_path])
