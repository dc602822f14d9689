"""Prometheus' rules are sound, every alert was seen to fire and to be silent, and leads to a page that helps."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from fleet.addresses import REPOSITORY
from fleet.servers.programs import promtool
from tests.integration.deploy.monitoring_files import (
    DASHBOARDS,
    PROMETHEUS,
    RULE_TESTS,
    RULES,
    RUNBOOKS,
    Alert,
    alerts,
    alerts_named,
    blocks,
    queries,
    rules,
)
from tests.required_programs import require

_FIRED = re.compile(r'ALERTS\{alertname="(\w+)", alertstate="firing"')


@pytest.fixture(scope="module")
def program() -> Path:
    """Prometheus' own checker."""
    require("prometheus")
    return promtool()


def checked(program: Path, *arguments: str | Path) -> None:
    """Run promtool; what it finds fails the test."""
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60, check=False)  # noqa: S603  # no input from elsewhere
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_configuration_and_all_rules_are_valid(program: Path) -> None:
    checked(program, "check", "config", PROMETHEUS / "prometheus.yml")
    checked(program, "check", "rules", "--lint-fatal", *RULES)


@pytest.mark.parametrize("file", RULE_TESTS, ids=lambda file: file.stem)
def test_alerts_fire_on_their_faults_and_at_no_other_time(program: Path, file: Path) -> None:
    checked(program, "test", "rules", file)


def test_every_alert_was_seen_to_fire() -> None:
    fired = {name for file in RULE_TESTS for name in fired_in(yaml.safe_load(file.read_bytes()))}
    assert fired == {alert.name for alert in alerts()}


def fired_in(document: dict[str, Any]) -> set[str]:
    """The alerts that these tests expect to fire at some time."""
    by_query = {
        name
        for test in document["tests"]
        for look in test.get("promql_expr_test", [])
        for sample in look["exp_samples"]
        for name in _FIRED.findall(sample["labels"])
    }
    by_alert = {
        look["alertname"]
        for test in document["tests"]
        for look in test.get("alert_rule_test", [])
        if look["exp_alerts"]
    }
    return by_query | by_alert


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert.name)
def test_an_alert_says_how_urgent_it_is_what_is_wrong_and_where_to_read_on(alert: Alert) -> None:
    assert alert.labels["severity"] in {"page", "ticket"}
    assert set(alert.annotations) == {"summary", "description", "runbook_url"}
    assert alert.annotations["description"].endswith((".", "?"))
    page = REPOSITORY / alert.annotations["runbook_url"]
    assert alert.name in alerts_named(page)


@pytest.mark.parametrize("page", RUNBOOKS, ids=lambda page: page.stem)
def test_a_runbook_names_the_alerts_that_lead_to_it_and_no_others(page: Path) -> None:
    leading = {alert.name for alert in alerts() if Path(alert.annotations["runbook_url"]).name == page.name}
    assert leading
    assert alerts_named(page) == leading


def test_alerts_have_names_of_their_own() -> None:
    names = [alert.name for alert in alerts()]
    assert len(set(names)) == len(names)


def test_what_rules_record_is_used() -> None:
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    asked = " ".join(
        [*(rule["expr"] for rule in rules()), *(query for board in DASHBOARDS for query in queries(board))]
    )
    assert {name for name in recorded if name not in asked} == set()


def test_queries_of_dashboards_and_runbooks_can_be_read(program: Path, tmp_path: Path) -> None:
    """promtool of this version reads no single query, but a rule is one with a name."""
    texts = [query for board in DASHBOARDS for query in queries(board)]
    of_runbooks = [query for page in RUNBOOKS for query in blocks(page, "promql")]
    assert texts
    assert of_runbooks
    recorded = [{"record": f"query:number:{number}", "expr": text} for number, text in enumerate(texts + of_runbooks)]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": recorded}]}))
    checked(program, "check", "rules", file)


def test_the_example_for_alertmanager_names_alerts_that_there_are() -> None:
    (example,) = blocks(REPOSITORY / "docs" / "monitoring.md", "yaml")
    matchers = [
        matcher
        for rule in yaml.safe_load(example)["inhibit_rules"]
        for matcher in (*rule["source_matchers"], *rule["target_matchers"])
    ]
    named = {name for matcher in matchers for name in re.findall(r"[A-Z]\w+", matcher)}
    assert named
    assert named <= {alert.name for alert in alerts()}
