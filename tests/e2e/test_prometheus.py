"""A real Prometheus scrapes a running fleet, and finds everything that dashboards and rules ask for."""

import json
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from fleet.addresses import REPOSITORY
from fleet.servers.programs import promtool
from tests.e2e.running_fleet import RunningFleet
from tests.e2e.scraping import Scraper, names_in, scraping, settles, without_variables
from tests.required_programs import require

pytestmark = pytest.mark.timeout(300)
MONITORING = REPOSITORY / "monitoring"
DASHBOARDS = sorted((MONITORING / "grafana" / "dashboards").glob("*.json"))
NOW = datetime.now(UTC)
DEPARTURE = (NOW + timedelta(30)).date()


@pytest.fixture(scope="module")
def scraper(fleet_of_the_run: RunningFleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scraper]:
    """A Prometheus that has seen a fare go through to a push, and evaluated each rule."""
    require("prometheus")
    folder = tmp_path_factory.mktemp("scraped")
    with scraping(folder, fleet_of_the_run.addresses.processes, MONITORING / "prometheus" / "rules") as scraper:
        tell_somebody(fleet_of_the_run, folder)
        told = datetime.now(UTC)
        settles(lambda: scraper.scraped_since(told), expected=True)
        settles(lambda: "unknown" in {rule["health"] for rule in scraper.rules()}, expected=False)
        yield scraper


def tell_somebody(fleet: RunningFleet, folder: Path) -> None:
    """Let one fare become one push."""
    fleet.clear()
    fleet.traveller().wish(
        origin="JFK",
        destination="LHR",
        departure_from=str(DEPARTURE),
        departure_to=str(DEPARTURE),
        rule={"kind": "target", "price": {"amount": 40000, "currency": "USD"}},
    )
    file = folder / "fares.csv"
    columns = "observed_at,origin,destination,departure_date,carrier,flight_number,currency,price"
    file.write_text(f"{columns}\n{NOW:%Y-%m-%dT%H:%M:%SZ},JFK,LHR,{DEPARTURE},BA,117,USD,321.00\n")
    fleet.replay(file)
    fleet.drain()
    assert len(fleet.pushes()) == 1


def test_every_process_is_scraped(scraper: Scraper, fleet_of_the_run: RunningFleet) -> None:
    services = sorted(service.name for service in fleet_of_the_run.addresses.processes)
    settles(scraper.targets, [(service, "up") for service in services])


def test_every_rule_is_healthy(scraper: Scraper) -> None:
    rules = scraper.rules()
    assert rules
    assert [(rule["name"], rule.get("lastError")) for rule in rules if rule["health"] != "ok"] == []


def test_what_rules_ask_for_exists(scraper: Scraper) -> None:
    rules = scraper.rules()
    asked_for = set().union(*(names_in(rule["query"]) for rule in rules))
    recorded = {rule["name"] for rule in rules if rule["type"] == "recording"}
    settles(lambda: asked_for - recorded - scraper.names(), set())


def test_there_are_dashboards() -> None:
    assert DASHBOARDS


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda path: path.stem)
def test_what_a_dashboard_asks_for_exists(dashboard: Path, scraper: Scraper) -> None:
    expressions = [without_variables(each) for each in expressions_in(json.loads(dashboard.read_bytes()))]
    assert expressions
    for expression in expressions:
        scraper.query(expression)
    asked_for = set().union(*map(names_in, expressions))
    recorded = {rule["name"] for rule in scraper.rules() if rule["type"] == "recording"}
    settles(lambda: asked_for - recorded - scraper.names(), set())


def test_the_queries_of_the_metrics_page_can_be_asked(scraper: Scraper) -> None:
    queries = re.findall(r"^\| [^|]*\? \| `(.*)` \|$", (REPOSITORY / "docs" / "metrics.md").read_text(), re.MULTILINE)
    assert queries
    for query in queries:
        scraper.query(query)
    settles(lambda: set().union(*map(names_in, queries)) - scraper.names(), set())


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("up == bool 0 and on (job, instance) farelark_ready offset 5m", {"up", "farelark_ready"}),
        ('sum by (le) (rate(a_bucket{reason=~"not (me|x)_y", q="}"}[5m])) / 1.5e3', {"a_bucket"}),
        (
            "job:errors:rate5m * ignoring(state) group_left(name) max_over_time(b[1h:5m] offset -1d)",
            {"job:errors:rate5m", "b"},
        ),
        ("label_replace(c, 'to', '$1', 'from', '(.*)') unless Inf > time() - d", {"c", "d"}),
    ],
)
def test_the_names_in_a_query_are_those_of_its_metrics(query: str, names: set[str]) -> None:
    assert names_in(query) == names


def test_each_stage_tells_how_old_its_prices_were(scraper: Scraper) -> None:
    ages = "sum by (service, queue) (farelark_observation_age_seconds_count) > 0"
    stages = {
        ("price_worker", "fares.ingest"),
        ("alert_worker", "changes.alerts"),
        ("history_worker", "changes.history"),
        ("notifier", "notifications.standard"),
    }
    settles(lambda: labels(scraper, ages, "service", "queue"), stages)
    settles(lambda: labels(scraper, "farelark_oldest_price_age_seconds > 0", "queue"), set())
    settles(lambda: stages - labels(scraper, "farelark_oldest_price_age_seconds == 0", "service", "queue"), set())


def test_every_process_is_ready_and_tells_how_its_loop_keeps_up(scraper: Scraper) -> None:
    services = {(service,) for service, _ in scraper.targets()}
    settles(lambda: labels(scraper, "farelark_ready == 1", "service"), services)
    settles(lambda: labels(scraper, "farelark_event_loop_lag_seconds_count > 0", "service"), services)


def test_every_service_tells_of_its_own_pools(scraper: Scraper, fleet_of_the_run: RunningFleet) -> None:
    limits = 'farelark_pool_connections{state="limit", service!="operations"} > 0'
    shards = [f"shard{number}" for number in range(len(fleet_of_the_run.addresses.shards))]
    expected = {
        "ingest_gateway": ["redis", "accounts"],
        "price_worker": ["redis"],
        "alert_worker": ["redis", *shards],
        "history_worker": shards,
        "notifier": ["redis", "accounts", *shards],
        "alerts_api": ["redis", "accounts", *shards],
    }
    pools = {(service, pool) for service, own in expected.items() for pool in own}
    settles(lambda: labels(scraper, limits, "service", "pool"), pools)


def test_outcomes_are_there_before_the_first_of_them(scraper: Scraper) -> None:
    """Nothing of this queue is ever told to wait or parted."""
    outcomes = {("done",), ("retry",), ("park",), ("wait",), ("deadletter",), ("several",)}
    settles(lambda: labels(scraper, 'farelark_messages_total{queue="fares.ingest"}', "outcome"), outcomes)


def test_no_process_shows_what_another_alone_has(scraper: Scraper) -> None:
    settles(lambda: labels(scraper, "farelark_fares_total", "service"), {("price_worker",)})
    settles(lambda: labels(scraper, "farelark_claims_total", "service"), {("alert_worker",)})
    settles(lambda: labels(scraper, "farelark_fcm_in_flight", "service"), {("notifier",)})
    settles(lambda: labels(scraper, "farelark_http_requests_total", "service"), {("ingest_gateway",), ("alerts_api",)})


def test_promtool_finds_no_fault_with_any_process(scraper: Scraper, fleet_of_the_run: RunningFleet) -> None:
    assert scraper
    for service in fleet_of_the_run.addresses.processes:
        assert faults(httpx.get(f"{service.ops}/metrics").content) == [], service.name


def labels(scraper: Scraper, query: str, *names: str) -> set[tuple[str, ...]]:
    """The values that these labels have among the series of a query."""
    return {tuple(series["metric"][name] for name in names) for series in scraper.query(query)}


def faults(exposition: bytes) -> list[str]:
    """What promtool has to say about what a process shows.

    It takes days for a unit of time; here they are counted, for a partition is a day.
    """
    said = subprocess.run(  # noqa: S603  # the system's own
        [promtool(), "check", "metrics"], input=exposition, capture_output=True, check=False, timeout=60
    )
    lines = (said.stdout + said.stderr).decode().splitlines()
    return [line for line in lines if not line.startswith("farelark_partitions_ahead_days ")]


def expressions_in(node: Any) -> Iterator[str]:  # noqa: ANN401  # JSON
    """The queries anywhere in a dashboard."""
    if isinstance(node, dict):
        if isinstance(node.get("expr"), str):
            yield node["expr"]
        for value in node.values():
            yield from expressions_in(value)
    elif isinstance(node, list):
        for value in node:
            yield from expressions_in(value)
