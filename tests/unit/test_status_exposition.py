"""What is read from a process's metrics."""

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from fleet.status.exposition import ROWS, read
from shared import metrics

EXPOSITION = """\
# HELP farelark_messages_total Messages settled
# TYPE farelark_messages_total counter
farelark_messages_total{outcome="done",queue="fares.ingest"} 40.0
farelark_messages_total{outcome="retry",queue="fares.ingest"} 2.0
farelark_messages_total{outcome="done",queue="changes.alerts"} 5.0
farelark_messages_in_hand{queue="fares.ingest"} 3.0
farelark_fares_total 400000.0
farelark_notifications_total{outcome="sent"} 6.0
farelark_notifications_total{outcome="held"} 1.0
farelark_notifications_kept_back_total{outcome="held",reason="quiet_hours"} 1.0
farelark_oldest_price_age_seconds{queue="fares.ingest"} 2.5
farelark_breaker_state{breaker="fcm",state="closed"} 0.0
farelark_breaker_state{breaker="fcm",state="open"} 1.0
farelark_breaker_state{breaker="redis",state="closed"} 1.0
farelark_breaker_state{breaker="redis",state="open"} 0.0
farelark_pushes_stopped 1.0
farelark_ingested_fares_total{lane="live",stored="queue"} 30.0
farelark_ingested_fares_total{lane="sweep",stored="spool"} 12.0
farelark_spooled_batches 2.0
farelark_spool_age_seconds 61.5
farelark_source_stopped{source="amadeus"} 0.0
farelark_source_stopped{source="duffel"} 1.0
"""


def test_counts_are_summed_over_outcomes_and_kept_by_queue() -> None:
    told = read(EXPOSITION)
    assert told.counted == {
        "fares.ingest": 42,
        "changes.alerts": 5,
        "farelark_fares_total": 400_000,
        "farelark_notifications_total": 7,
        "farelark_ingested_fares_total": 42,
    }
    assert told.ages == {"fares.ingest": 2.5}
    assert told.breakers == {"fcm"}
    assert told.pushes_stopped
    assert (told.spooled, told.spool_age) == (2, 61.5)
    assert told.sources_stopped == {"duffel"}


def test_a_process_without_any_of_it_has_told_nothing() -> None:
    told = read("# HELP process_cpu_seconds_total\nprocess_cpu_seconds_total 1.0\n")
    assert not told.counted
    assert not told.breakers
    assert not told.pushes_stopped
    assert told.spooled is None


def test_the_names_are_those_of_the_catalogue() -> None:
    """Each family that is read here is one of ours, by its name in the exposition."""
    catalogue = [metric for metric in vars(metrics).values() if isinstance(metric, Counter | Gauge)]
    ours = {family.name for metric in catalogue for family in metric.describe()}
    names = [name.partition("{")[0].partition(" ")[0] for name in EXPOSITION.splitlines() if name[0] != "#"]
    assert {name.removesuffix("_total") for name in names} <= ours
    assert {metric.removesuffix("_total") for _, metric in ROWS.values()} <= ours


def test_what_the_library_writes_can_be_read() -> None:
    registry = CollectorRegistry()
    Counter("farelark_messages", "", ["queue", "outcome"], registry=registry).labels("fares.ingest", "done").inc(3)
    Gauge("farelark_pushes_stopped", "", registry=registry).set(0)
    told = read(generate_latest(registry).decode())
    assert told.counted == {"fares.ingest": 3}
    assert not told.pushes_stopped
