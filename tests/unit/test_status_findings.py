"""What is found late or wrong by a look at a fleet, and how bad that is."""

from dataclasses import replace

import pytest

from fleet.addresses import REPOSITORY
from fleet.status.findings import Finding, Severity, findings, state
from fleet.status.snapshot import Node, Server, Snapshot, Spool
from tests.unit.snapshots import away, healthy, process, with_work

URGENT = "notifications.urgent"
DEGRADED, DOWN = Severity.DEGRADED, Severity.DOWN


def test_nothing_is_found_in_a_fleet_that_keeps_up() -> None:
    assert findings(healthy()) == []
    assert state([]) == "ok"


@pytest.mark.parametrize(
    ("snapshot", "expected"),
    [
        pytest.param(
            with_work(healthy(), URGENT, ready=3_210, consumers=0, messages_per_second=0.0),
            Finding(DOWN, "notifications.urgent: 3,210 waiting and nobody consumes them", "no-consumers"),
            id="no consumers",
        ),
        pytest.param(
            with_work(healthy(), URGENT, ready=5_000, messages_per_second=10.0),
            Finding(DEGRADED, "notifications.urgent: 5,000 waiting, 8 min at the present rate", "backlog"),
            id="a backlog of more than a minute",
        ),
        pytest.param(
            with_work(healthy(), URGENT, ready=5, messages_per_second=0.0),
            Finding(DEGRADED, "notifications.urgent: 5 waiting, and none is settled", "backlog"),
            id="stands still",
        ),
        pytest.param(
            with_work(healthy(), "fares.ingest", oldest_price_age_seconds=61.0),
            Finding(DEGRADED, "fares.ingest: the oldest price in work is 61 s old", "backlog"),
            id="late",
        ),
        pytest.param(
            with_work(healthy(), "changes.history", oldest_price_age_seconds=1_801.0),
            Finding(DEGRADED, "changes.history: the oldest price in work is 30 min old", "history-behind"),
            id="a history that is behind",
        ),
        pytest.param(
            with_work(healthy(), "changes.history", ready=20_000, messages_per_second=10.0),
            Finding(DEGRADED, "changes.history: 20,000 waiting, 33 min at the present rate", "history-behind"),
            id="a history that falls behind",
        ),
        pytest.param(
            with_work(healthy(), "changes.history", ready=3, consumers=0, messages_per_second=0.0),
            Finding(DEGRADED, "changes.history: 3 waiting and nobody consumes them", "no-consumers"),
            id="no history is kept",
        ),
        pytest.param(
            with_work(healthy(), "fares.ingest", dead=1),
            Finding(DEGRADED, "fares.ingest: 1 dead letter", "dead-letters"),
            id="a dead letter",
        ),
        pytest.param(
            with_work(healthy(), "fares.ingest", ready=None, in_hand=None, consumers=None, retry=None, dead=None),
            Finding(DOWN, "fares.ingest: there is no such queue; `./farelark topology apply` makes it", "broker-down"),
            id="a queue that is not there",
        ),
        *(
            pytest.param(
                away(healthy(), server),
                Finding(DOWN, f"{server} is away: no answer within 1.5 s", f"{server}-down"),
                id=server,
            )
            for server in ("redis", "accounts")
        ),
        pytest.param(
            away(healthy(), "shard1"),
            Finding(DEGRADED, "shard1 is away: no answer within 1.5 s; its routes wait", "shard-down"),
            id="one shard of two",
        ),
        pytest.param(
            healthy(nodes=[Node("rabbit@a", running=True, alarms=["memory"])]),
            Finding(DOWN, "RabbitMQ is out of memory on rabbit@a: it takes no messages from anybody", "broker-alarm"),
            id="an alarm of the broker",
        ),
        pytest.param(
            healthy(nodes=[Node("rabbit@a", running=True, alarms=[]), Node("rabbit@b", running=False, alarms=[])]),
            Finding(DEGRADED, "RabbitMQ's node rabbit@b is not running", "broker-down"),
            id="a node",
        ),
        pytest.param(
            healthy(spool=Spool(1_200, 61.0)),
            Finding(DEGRADED, "1,200 batches lie in the gateways' spool, the oldest for 61 s", "spool-growing"),
            id="a spool that is not emptied",
        ),
        pytest.param(
            healthy(sources_stopped=["duffel"]),
            Finding(
                DEGRADED, "the source duffel is stopped: it is not polled until somebody has looked", "source-stopped"
            ),
            id="a source",
        ),
        pytest.param(
            healthy(breakers=["fcm"]),
            Finding(DEGRADED, "the circuit breaker of fcm is open: it failed several times in a row", "fcm-refusing"),
            id="a breaker",
        ),
        pytest.param(
            healthy(pushes_stopped=True),
            Finding(DEGRADED, "pushes are stopped by hand: notices wait", "pushes-stopped"),
            id="pushes stopped",
        ),
        pytest.param(
            healthy(days_ahead={"accounts.notifications": 6, "shard0.price_history": 800}),
            Finding(
                DEGRADED,
                "accounts.notifications: partitions for 6 more days only; `./farelark partitions` makes them",
                "partitions-running-out",
            ),
            id="partitions",
        ),
    ],
)
def test_each_fault_is_one_finding_with_a_runbook(snapshot: Snapshot, expected: Finding) -> None:
    assert findings(snapshot) == [expected]
    assert state([expected]) == expected.severity.value
    assert (REPOSITORY / "docs" / "runbooks" / f"{expected.runbook}.md").is_file()


@pytest.mark.parametrize(
    ("processes", "expected"),
    [
        (
            [process("notifier", ready=False)],
            Finding(DOWN, "notifier does not answer", "pod-not-ready"),
        ),
        (
            [process("notifier-1"), process("notifier-2", ready=False)],
            Finding(DEGRADED, "notifier (1 of 2) does not answer", "pod-not-ready"),
        ),
        (
            [process("alert_worker", ready=False, missing=["rabbitmq_alarm"])],
            Finding(DOWN, "alert_worker waits for rabbitmq_alarm", "broker-alarm"),
        ),
        (
            [process("alert_worker"), process("alert_worker", ready=False, missing=["shard3", "start"])],
            Finding(DEGRADED, "alert_worker (1 of 2) waits for shard3, start", "shard-down"),
        ),
        (
            [process("operations", ready=False)],
            Finding(DEGRADED, "operations does not answer", "operations-down"),
        ),
        (
            [process("history_worker", ready=False)],
            Finding(DEGRADED, "history_worker does not answer", "pod-not-ready"),
        ),
    ],
)
def test_a_service_is_down_when_none_of_its_processes_is_ready(processes: list[object], expected: Finding) -> None:
    assert findings(healthy(processes=processes)) == [expected]
    assert (REPOSITORY / "docs" / "runbooks" / f"{expected.runbook}.md").is_file()


def test_for_the_history_nobody_waits() -> None:
    late_elsewhere = {"ready": 4_000, "messages_per_second": 10.0, "oldest_price_age_seconds": 400.0}
    assert findings(with_work(healthy(), "changes.history", **late_elsewhere)) == []
    assert len(findings(with_work(healthy(), "changes.alerts", **late_elsewhere))) == 2


def test_a_spool_that_is_used_for_a_moment_is_no_finding() -> None:
    assert findings(healthy(spool=Spool(3, 5.0))) == []


@pytest.mark.parametrize(
    ("breaker", "runbook"),
    [("rabbitmq_live", "broker-down"), ("source_duffel", "source-stopped"), ("shard3", "shard-down")],
)
def test_an_open_breaker_leads_to_the_runbook_of_what_it_guards(breaker: str, runbook: str) -> None:
    (found,) = findings(healthy(breakers=[breaker]))
    assert (found.severity, found.runbook) == (DEGRADED, runbook)


def test_lanes_that_rest_while_pushes_are_stopped_are_no_further_finding() -> None:
    stopped = healthy(pushes_stopped=True)
    for changes in ({"consumers": 0, "ready": 9}, {"messages_per_second": 0.0, "ready": 9}):
        assert [finding.runbook for finding in findings(with_work(stopped, URGENT, **changes))] == ["pushes-stopped"]


def test_without_a_shard_left_all_is_down() -> None:
    found = findings(away(healthy(), "shard0", "shard1"))
    assert [finding.severity for finding in found] == [DOWN, DOWN]


def test_a_queue_is_not_said_to_stand_still_after_a_moment_or_before_it_is_known_who_works_on_it() -> None:
    quiet = with_work(healthy(rates_over_seconds=0.5), URGENT, ready=5, messages_per_second=0.0)
    assert findings(quiet) == []
    assert findings(with_work(healthy(), URGENT, ready=5, consumers=None)) == []
    assert findings(with_work(healthy(), URGENT, ready=5, messages_per_second=None)) == []


def test_a_broker_that_is_away_is_one_finding_and_not_one_for_each_queue() -> None:
    snapshot = away(healthy(queues={}, nodes=[]), "rabbitmq")
    for queue in [work.queue for work in snapshot.work]:
        snapshot = with_work(snapshot, queue, ready=None, in_hand=None, consumers=None, retry=None, dead=None)
    assert [finding.runbook for finding in findings(snapshot)] == ["broker-down"]


def test_the_worst_comes_first_and_names_the_state() -> None:
    found = findings(with_work(away(healthy(), "redis"), "fares.ingest", dead=7))
    assert [finding.severity for finding in found] == [DOWN, DEGRADED]
    assert state(found) == "down"


def test_a_server_that_answers_slowly_is_not_away() -> None:
    slow = [Server("redis", up=True, milliseconds=1_400.0)]
    assert findings(replace(healthy(), servers=slow, rates={})) == []
